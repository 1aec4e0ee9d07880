import { OptionReader } from '../common/option-reader.js';
import { parseByteSize, type ByteSize } from './byte-size.js';

/** Bounds of what waits for a limit. Bytes are what a datagram costs, by the `overhead` option. */
export interface HoldOptions {
  /**
   * Bytes that may wait; what happens beyond, `overflow` says. Short errors that tell peers so may take an
   * eighth more. @default '16 MiB' for upload, 262144 for download
   */
  readonly maxBytes?: ByteSize;
  /** Datagrams that may wait: what bounds memory when they are tiny. @default 65536 for upload, 4096 for download */
  readonly maxDatagrams?: number;
  /** Bytes that may wait of one peer. @default '1 MiB' for upload, `maxBytes` for download */
  readonly maxPeerBytes?: ByteSize;
  /**
   * Longest wait in milliseconds. A datagram that cannot leave in time behind the present backlog is refused
   * at once; one that is overtaken by a lower rate or a pause is dropped when its time is up. @default 30000
   */
  readonly maxAge?: number;
  /**
   * What a full queue does. `reject` refuses the newcomer, and its sender is told: a caller by an error, a peer
   * that waits for a reply by a short one. The others drop as a network does, and peers are not told:
   * `drop-newest` the newcomer, `drop-oldest` what has waited longest, `drop-fattest` the oldest of the peer of
   * which most waits. @default 'reject' for upload, 'drop-fattest' for download
   */
  readonly overflow?: OverflowPolicy;
  /**
   * Active queue management. `codel` drops now and then from a peer's flow whose datagrams keep waiting for more
   * than 5 ms (longer at slow rates), so that senders which watch for loss slow down before the queue is full.
   * @default 'none'
   * @see RFC 8289
   */
  readonly aqm?: 'none' | 'codel';
}

export type OverflowPolicy = 'reject' | 'drop-oldest' | 'drop-newest' | 'drop-fattest';

/** Bounds of the queue in front of the upload limit, and of what Node keeps until the kernel has it. */
export interface QueueOptions extends HoldOptions {
  /**
   * New requests are refused as busy while what has its turn before their reply takes longer than this at the
   * present rate: work whose answer comes too late is better not begun. What waits of other peers counts as far
   * as these have their turns between. Milliseconds; `Infinity` never refuses. @default 1000
   */
  readonly busyAfter?: number;
}

/** {@link HoldOptions} after reading. */
export interface QueueLimits {
  readonly maxBytes: number;
  readonly maxDatagrams: number;
  readonly maxPeerBytes: number;
  readonly maxAgeMs: number;
  readonly overflow: OverflowPolicy;
  readonly aqm: 'none' | 'codel';
}

/** {@link QueueOptions} after reading. */
export interface UploadQueueLimits extends QueueLimits {
  readonly busyAfterMs: number;
}

/** @throws {InvalidOptionError} naming the field */
export function resolveQueue(value: unknown, field: string): UploadQueueLimits {
  const reader = new OptionReader(value, field);
  const busyAfterMs = reader.duration('busyAfter', DEFAULT_BUSY_AFTER_MS);
  const limits = { ...readQueueLimits(reader, UPLOAD_DEFAULTS), busyAfterMs };
  reader.refuseUnknown();
  return limits;
}

/** Reads the fields of a queue from an object that may hold more of them. */
export function readQueueLimits(reader: OptionReader, defaults: QueueLimits): QueueLimits {
  return {
    maxBytes: reader.read('maxBytes', parseByteSize, defaults.maxBytes),
    maxDatagrams: reader.integer('maxDatagrams', 1, MAX_DATAGRAMS, defaults.maxDatagrams),
    maxPeerBytes: reader.read('maxPeerBytes', parseByteSize, defaults.maxPeerBytes),
    maxAgeMs: reader.duration('maxAge', defaults.maxAgeMs),
    overflow: reader.oneOf('overflow', POLICIES, defaults.overflow),
    aqm: reader.oneOf('aqm', ['none', 'codel'], defaults.aqm),
  };
}

const POLICIES: readonly OverflowPolicy[] = ['reject', 'drop-oldest', 'drop-newest', 'drop-fattest'];

const UPLOAD_DEFAULTS: QueueLimits = {
  maxBytes: 16 * 1024 ** 2,
  maxDatagrams: 65_536,
  maxPeerBytes: 1024 ** 2,
  maxAgeMs: 30_000,
  overflow: 'reject',
  aqm: 'none',
};

const DEFAULT_BUSY_AFTER_MS = 1000;

// Each takes a few hundred bytes beside its payload: past this, gigabytes.
const MAX_DATAGRAMS = 2 ** 24;
