import { OptionReader } from '../common/option-reader.js';
import {
  readBandwidth,
  resolveBandwidth,
  type Bandwidth,
  type BandwidthOptions,
} from './bandwidth.options.js';
import { readQueueLimits, type HoldOptions, type QueueLimits } from './queue.options.js';

/**
 * The limit at the entrance.
 *
 * A UDP socket cannot be paused, so what exceeds the rate is held here (`delay`), dropped (`drop`), or answered
 * with a short error (`refuse`).
 */
export interface DownloadOptions extends BandwidthOptions, HoldOptions {
  /**
   * What happens to a datagram that exceeds the rate: `delay` holds it within the bounds below and hands it on
   * at the rate, fairly between peers; `drop` discards it (a policer); `refuse` discards it too, but answers a
   * request with a busy error that is no larger than the request, at most once a second for a peer and within
   * 5 % of the upload rate in all. @default 'delay'
   */
  readonly onLimit?: OnLimit;
}

export type OnLimit = 'delay' | 'drop' | 'refuse';

/** {@link DownloadOptions} after reading. */
export interface DownloadLimits {
  readonly bandwidth: Bandwidth;
  readonly queue: QueueLimits;
  readonly onLimit: OnLimit;
}

/** @throws {InvalidOptionError} naming the field */
export function resolveDownload(value: unknown, field: string): DownloadLimits {
  if (typeof value !== 'object' || value === null) {
    return { bandwidth: resolveBandwidth(value, field), queue: HELD_DEFAULTS, onLimit: 'delay' };
  }
  const reader = new OptionReader(value, field);
  const limits: DownloadLimits = {
    bandwidth: readBandwidth(reader),
    queue: readQueueLimits(reader, HELD_DEFAULTS),
    onLimit: reader.oneOf('onLimit', ['delay', 'drop', 'refuse'], 'delay'),
  };
  reader.refuseUnknown();
  return limits;
}

const HELD_DEFAULTS: QueueLimits = {
  maxBytes: 262_144,
  maxDatagrams: 4096,
  maxPeerBytes: Infinity,
  maxAgeMs: 30_000,
  overflow: 'drop-fattest',
  aqm: 'none',
};
