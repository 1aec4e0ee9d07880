import type { OnLimit } from './download.options.js';
import { FairShaper, type QueueDropReason, type ShaperTerms, type Verdict } from './fair-shaper.js';
import type { Shaped } from './shaped.js';

/** Decides when each inbound datagram goes on to the decoder: at once, later, or never. */
export class DownloadGate<T extends Shaped> extends FairShaper<T> {
  constructor(
    terms: ShaperTerms,
    private readonly onLimit: OnLimit,
    nowMs: number,
    onDrop: (item: T, reason: QueueDropReason) => void,
  ) {
    super(terms, nowMs, onDrop);
  }

  override offer(item: T, nowMs: number): Verdict {
    if (this.onLimit === 'delay') return super.offer(item, nowMs);
    return this.tryPassAlone(item, nowMs) ? 'pass' : 'exceeded';
  }
}
