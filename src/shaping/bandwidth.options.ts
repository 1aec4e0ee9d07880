import { InvalidOptionError } from '../common/invalid-option.error.js';
import { asDuration, OptionReader, show } from '../common/option-reader.js';
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
  /**
   * Rate above which not even a burst may go: a second bucket that holds one datagram or 4 ms of it, whichever
   * is more. More than `rate`. @default unlimited
   */
  readonly peakRate?: Rate;
}

/** {@link BandwidthOptions} after reading: numbers only. */
export interface Bandwidth {
  /** Bytes per second, above 0; `Infinity` is unlimited. */
  readonly rateBytesPerSecond: number;
  /** Fixed burst in bytes; `undefined` when it follows the rate. */
  readonly burstBytes: number | undefined;
  /** Milliseconds, above 0. */
  readonly burstTimeMs: number;
  /** The bucket that spreads bursts; `undefined` when they leave at once. */
  readonly peak?: Bandwidth | undefined;
}

/**
 * @param value a rate, or an object with `rate`, `burst`, `burstTime`
 * @param field name of the option, for messages
 * @throws {InvalidOptionError} naming the field
 */
export function resolveBandwidth(value: unknown, field: string): Bandwidth {
  if (typeof value !== 'object' || value === null) {
    return plain(value === undefined ? Infinity : parseRate(value, field));
  }
  const reader = new OptionReader(value, field);
  const bandwidth = readBandwidth(reader);
  reader.refuseUnknown();
  return bandwidth;
}

/** Reads the fields of a bandwidth from an object that may hold more of them. */
export function readBandwidth(reader: OptionReader): Bandwidth {
  const rateBytesPerSecond = reader.read('rate', parseRate, Infinity);
  return {
    rateBytesPerSecond,
    burstBytes: reader.read<number | undefined>('burst', parseByteSize, undefined),
    burstTimeMs: reader.read('burstTime', asBurstTime, DEFAULT_BURST_TIME_MS),
    peak: reader.read<Bandwidth | undefined>(
      'peakRate',
      (value, field) => asPeak(value, field, rateBytesPerSecond),
      undefined,
    ),
  };
}

/** The same bandwidth at another rate. A burst given in bytes stays, any other follows the rate. */
export function withRate(bandwidth: Bandwidth, rateBytesPerSecond: number): Bandwidth {
  return { ...bandwidth, rateBytesPerSecond };
}

function asPeak(value: unknown, field: string, rateBytesPerSecond: number): Bandwidth | undefined {
  const peakBytesPerSecond = parseRate(value, field);
  if (peakBytesPerSecond === Infinity) return undefined;
  if (rateBytesPerSecond !== Infinity && peakBytesPerSecond <= rateBytesPerSecond) {
    throw new InvalidOptionError(field, `must be more than the rate, got ${show(value)}`);
  }
  const burstBytes = Math.max(DATAGRAM_BYTES, (peakBytesPerSecond * PEAK_BURST_MS) / 1000);
  return { rateBytesPerSecond: peakBytesPerSecond, burstBytes, burstTimeMs: PEAK_BURST_MS };
}

function asBurstTime(value: unknown, field: string): number {
  const burstTimeMs = asDuration(value, field);
  // A burst without end would lift the limit in silence.
  if (burstTimeMs === Infinity) throw new InvalidOptionError(field, 'must be finite');
  return Math.max(MIN_BURST_TIME_MS, burstTimeMs);
}

function plain(rateBytesPerSecond: number): Bandwidth {
  return { rateBytesPerSecond, burstBytes: undefined, burstTimeMs: DEFAULT_BURST_TIME_MS };
}

// Wide enough to hide the lateness of timers (99 % below 4 ms), narrow enough for a shallow switch buffer.
const DEFAULT_BURST_TIME_MS = 20;

// A burst of nothing could never be ready.
const MIN_BURST_TIME_MS = 0.001;

// As much of a peak as timers need to be hidden.
const PEAK_BURST_MS = 4;

// A full Ethernet frame: less would make the peak wait in debt for every datagram.
const DATAGRAM_BYTES = 1514;

/** No limit at all. */
export const UNLIMITED: Bandwidth = Object.freeze(plain(Infinity));
