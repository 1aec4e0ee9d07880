import { InvalidOptionError } from '../common/invalid-option.error.js';
import { asDuration, OptionReader } from '../common/option-reader.js';
import { parseByteSize, type ByteSize } from './byte-size.js';
import { parseRate, type Rate } from './rate.js';

/** A bandwidth limit in detail. Wherever one is taken, a plain {@link Rate} is too. */
export interface BandwidthOptions {
  /** Sustained rate, bytes per second or text. 0 or `Infinity` lifts the limit. @default Infinity */
  readonly rate?: Rate;
  /** Bytes that may pass back to back. More means fewer wake-ups and rougher traffic. @default rate * burstTime */
  readonly burst?: ByteSize;
  /** Burst as a time at the rate, in milliseconds; finite; follows the rate when that changes. @default 20 */
  readonly burstTime?: number;
}

/** {@link BandwidthOptions} after reading: numbers only. */
export interface Bandwidth {
  /** Bytes per second, above 0; `Infinity` is unlimited. */
  readonly rateBytesPerSecond: number;
  /** Fixed burst in bytes; `undefined` when it follows the rate. */
  readonly burstBytes: number | undefined;
  /** Milliseconds, above 0. */
  readonly burstTimeMs: number;
}

/**
 * @param value a rate, or an object with `rate`, `burst`, `burstTime`
 * @param field name of the option, for messages
 * @throws {InvalidOptionError} naming the field
 */
export function resolveBandwidth(value: unknown, field: string): Bandwidth {
  if (typeof value !== 'object' || value === null) {
    return withRate(value === undefined ? Infinity : parseRate(value, field));
  }
  const reader = new OptionReader(value, field);
  const bandwidth = readBandwidth(reader);
  reader.refuseUnknown();
  return bandwidth;
}

/** Reads the fields of a bandwidth from an object that may hold more of them. */
export function readBandwidth(reader: OptionReader): Bandwidth {
  return {
    rateBytesPerSecond: reader.read('rate', parseRate, Infinity),
    burstBytes: reader.read<number | undefined>('burst', parseByteSize, undefined),
    burstTimeMs: reader.read('burstTime', asBurstTime, DEFAULT_BURST_TIME_MS),
  };
}

function asBurstTime(value: unknown, field: string): number {
  const burstTimeMs = asDuration(value, field);
  // A burst without end would lift the limit in silence.
  if (burstTimeMs === Infinity) throw new InvalidOptionError(field, 'must be finite');
  return Math.max(MIN_BURST_TIME_MS, burstTimeMs);
}

function withRate(rateBytesPerSecond: number): Bandwidth {
  return { rateBytesPerSecond, burstBytes: undefined, burstTimeMs: DEFAULT_BURST_TIME_MS };
}

// Wide enough to hide the lateness of timers (99 % below 4 ms), narrow enough for a shallow switch buffer.
const DEFAULT_BURST_TIME_MS = 20;

// A burst of nothing could never be ready.
const MIN_BURST_TIME_MS = 0.001;
