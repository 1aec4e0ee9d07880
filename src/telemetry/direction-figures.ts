import type { PeerAddress } from '../common/peer-address.js';
import { TRAFFIC_CLASSES, type ClassRank } from '../common/traffic-class.js';
import { RateMeter } from './rate-meter.js';
import { RecentSamples } from './recent-samples.js';
import { TrafficFigures, type TrafficStats } from './traffic-figures.js';

/** What must be known of a datagram to count it. */
export interface Countable {
  readonly bytes: number;
  readonly rank: ClassRank;
  readonly peer: PeerAddress;
}

/** Counts what goes through one direction and what does not: in all, by class, and for the peers that are watched. */
export class DirectionFigures {
  /** How late the timer of the queue was, milliseconds. */
  readonly lateness = new RecentSamples();
  readonly #rate = new RateMeter();
  readonly #total = new TrafficFigures();
  readonly #classes = TRAFFIC_CLASSES.map(() => new TrafficFigures());
  readonly #watched = new Map<string, TrafficFigures>();

  /** @param keyOf the name under which a peer is watched */
  constructor(private readonly keyOf: (peer: PeerAddress) => string) {}

  passed(item: Countable, waitedMs: number, nowMs: number): void {
    const { bytes, rank } = item;
    this.#rate.add(bytes, nowMs);
    this.#total.passed(bytes, waitedMs);
    this.#classes[rank]?.passed(bytes, waitedMs);
    if (this.#watched.size > 0) this.#watched.get(this.keyOf(item.peer))?.passed(bytes, waitedMs);
  }

  dropped(item: Countable, reason: string): void {
    const { bytes, rank } = item;
    this.#total.dropped(bytes, reason);
    this.#classes[rank]?.dropped(bytes, reason);
    if (this.#watched.size > 0) this.#watched.get(this.keyOf(item.peer))?.dropped(bytes, reason);
  }

  total(): TrafficStats {
    return this.#total.snapshot();
  }

  ofClass(rank: ClassRank): TrafficStats {
    return (this.#classes[rank] as TrafficFigures).snapshot();
  }

  /** Figures of one peer, counted from the first call on. */
  ofPeer(key: string): TrafficStats {
    let figures = this.#watched.get(key);
    if (figures === undefined) {
      const oldest = this.#watched.keys().next();
      if (this.#watched.size >= MAX_WATCHED && oldest.done !== true) this.#watched.delete(oldest.value);
      figures = new TrafficFigures();
      this.#watched.set(key, figures);
    }
    return figures.snapshot();
  }

  /** See {@link RateMeter.bytesPerSecond}. */
  bytesPerSecond(windowMs: number, nowMs: number): number {
    return this.#rate.bytesPerSecond(windowMs, nowMs);
  }
}

// Each holds a thousand samples.
const MAX_WATCHED = 256;
