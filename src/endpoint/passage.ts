import { DEFAULT_RANK, type ClassRank } from '../common/traffic-class.js';
import type { HandlerLimit } from '../shaping/limit.js';

/** How a datagram leaves. */
export interface Passage {
  /** Traffic class. */
  readonly rank: ClassRank;
  /** Limit of the handler that it comes from, beside those of its peer and of the transport. */
  readonly limit: HandlerLimit | undefined;
  /** Passes no limit at all, and no queue. */
  readonly isUnmetered: boolean;
  /** Short errors and frames: they go before others to their peer, and may be queued when those no longer are. */
  readonly isUrgent: boolean;
}

/** The way of one handler's replies, whose limit can be set while it runs. */
export interface MutablePassage extends Passage {
  limit: HandlerLimit | undefined;
}

/** How everything leaves that says nothing else. */
export const USUAL_PASSAGE: Passage = Object.freeze({
  rank: DEFAULT_RANK,
  limit: undefined,
  isUnmetered: false,
  isUrgent: false,
});

/** The way of short errors. */
export const REFUSAL_PASSAGE: Passage = Object.freeze({ ...USUAL_PASSAGE, isUrgent: true });

/** The way of the smallest frames, which make everything else go on. */
export const CONTROL_PASSAGE: Passage = Object.freeze({ ...REFUSAL_PASSAGE, rank: 0 });
