import { OptionReader } from '../common/option-reader.js';
import { parseByteSize, type ByteSize } from './byte-size.js';

/** Bounds of the queue in front of the upload limit, and of what Node keeps until the kernel has it. */
export interface QueueOptions {
  /**
   * Bytes that may wait; a datagram that does not fit is refused. Short errors that tell peers so may take an
   * eighth more. @default '16 MiB'
   */
  readonly maxBytes?: ByteSize;
  /** Datagrams that may wait: what bounds memory when they are tiny. @default 65536 */
  readonly maxDatagrams?: number;
  /**
   * Longest wait in milliseconds. A datagram that cannot leave in time behind the present backlog is refused
   * at once; one that is overtaken by a lower rate or a pause is dropped when its time is up. @default 30000
   */
  readonly maxAge?: number;
}

/** {@link QueueOptions} after reading. */
export interface QueueLimits {
  readonly maxBytes: number;
  readonly maxDatagrams: number;
  readonly maxAgeMs: number;
}

/** @throws {InvalidOptionError} naming the field */
export function resolveQueue(value: unknown, field: string): QueueLimits {
  const reader = new OptionReader(value, field);
  const limits = readQueueLimits(reader, UPLOAD_DEFAULTS);
  reader.refuseUnknown();
  return limits;
}

/** Reads the fields of a queue from an object that may hold more of them. */
export function readQueueLimits(reader: OptionReader, defaults: QueueLimits): QueueLimits {
  return {
    maxBytes: reader.read('maxBytes', parseByteSize, defaults.maxBytes),
    maxDatagrams: reader.integer('maxDatagrams', 1, MAX_DATAGRAMS, defaults.maxDatagrams),
    maxAgeMs: reader.duration('maxAge', defaults.maxAgeMs),
  };
}

const UPLOAD_DEFAULTS: QueueLimits = { maxBytes: 16 * 1024 ** 2, maxDatagrams: 65_536, maxAgeMs: 30_000 };

// The ring of a queue doubles: past this its slots alone would take gigabytes.
const MAX_DATAGRAMS = 2 ** 24;
