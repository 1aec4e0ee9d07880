import { OptionReader } from '../common/option-reader.js';
import {
  readBandwidth,
  resolveBandwidth,
  type Bandwidth,
  type BandwidthOptions,
} from './bandwidth.options.js';
import { readQueueLimits, type QueueLimits, type QueueOptions } from './queue.options.js';

/**
 * The limit at the entrance.
 *
 * A UDP socket cannot be paused, so what exceeds the rate is either held here (`delay`) or dropped (`drop`).
 */
export interface DownloadOptions extends BandwidthOptions, QueueOptions {
  /**
   * What happens to a datagram that exceeds the rate: `delay` holds it within the bounds below and hands it on
   * at the rate; `drop` discards it (a policer). @default 'delay'
   */
  readonly onLimit?: OnLimit;
}

export type OnLimit = 'delay' | 'drop';

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
    onLimit: reader.oneOf('onLimit', ['delay', 'drop'], 'delay'),
  };
  reader.refuseUnknown();
  return limits;
}

const HELD_DEFAULTS: QueueLimits = { maxBytes: 262_144, maxDatagrams: 4096, maxAgeMs: 30_000 };
