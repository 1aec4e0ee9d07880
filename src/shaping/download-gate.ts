import type { Queueable } from './datagram-queue.js';
import type { DownloadLimits, OnLimit } from './download.options.js';
import { ThrottledQueue, type Verdict } from './throttled-queue.js';

/** Decides when each inbound datagram goes on to the decoder: at once, later, or never. */
export class DownloadGate<T extends Queueable> extends ThrottledQueue<T> {
  readonly #onLimit: OnLimit;

  constructor(limits: DownloadLimits, nowMs: number) {
    super(limits.bandwidth, limits.queue, nowMs);
    this.#onLimit = limits.onLimit;
  }

  override offer(item: T, nowMs: number): Verdict {
    if (this.#onLimit === 'delay') return super.offer(item, nowMs);
    return this.tryPass(item, nowMs) ? 'pass' : 'exceeded';
  }
}
