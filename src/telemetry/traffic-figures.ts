import { DropCounters, type DropCount } from './drop-counters.js';
import { RecentSamples } from './recent-samples.js';

/** What went through and what did not, and how long it waited: of a direction, a class, or one peer. */
export interface TrafficStats {
  /** Bytes that went through. */
  readonly bytes: number;
  /** Datagrams that went through. */
  readonly datagrams: number;
  /** Median wait of the last 1024 datagrams, milliseconds; 0 for those that need not wait. */
  readonly sojournP50Ms: number;
  /** The wait that one in a hundred of them exceeds, milliseconds. */
  readonly sojournP99Ms: number;
  /** What was not passed on, by reason. */
  readonly drops: Readonly<Record<string, DropCount>>;
}

/** Counts {@link TrafficStats}. */
export class TrafficFigures {
  #bytes = 0;
  #datagrams = 0;
  readonly #sojourn = new RecentSamples();
  readonly #drops = new DropCounters();

  passed(bytes: number, waitedMs: number): void {
    this.#bytes += bytes;
    this.#datagrams++;
    this.#sojourn.add(waitedMs);
  }

  dropped(bytes: number, reason: string): void {
    this.#drops.count(reason, bytes);
  }

  snapshot(): TrafficStats {
    const [sojournP50Ms = 0, sojournP99Ms = 0] = this.#sojourn.quantiles(0.5, 0.99);
    const drops = this.#drops.snapshot();
    return { bytes: this.#bytes, datagrams: this.#datagrams, sojournP50Ms, sojournP99Ms, drops };
  }
}
