import type { PeerAddress } from '../common/peer-address.js';
import type { Flow } from './flow.js';
import type { HandlerLimit } from './limit.js';
import type { ClassRank } from '../common/traffic-class.js';

/** What a shaper must know of a datagram. Its last fields are the shaper's own. */
export abstract class Shaped {
  /** The other side. */
  abstract readonly peer: PeerAddress;
  /** What it costs, in bytes, by the `overhead` option: the payload, unless that says otherwise. */
  abstract readonly bytes: number;
  /** Its traffic class. */
  abstract readonly rank: ClassRank;
  /** Limit of the handler that it comes from, beside those of its peer and of the transport. */
  abstract readonly limit: HandlerLimit | undefined;
  /**
   * Goes before others of the same flow, and may use the reserve of a full queue: short errors on the way out,
   * so that peers do not wait in vain, and awaited replies on the way in.
   */
  abstract readonly isUrgent: boolean;

  /** Asked when its turn has come: one that nobody wants any more is dropped, and takes nothing from a limit. */
  isWanted(_nowMs: number): boolean {
    return true;
  }

  /** When it was queued, monotonic milliseconds; {@link UNQUEUED} for one that went at once. */
  queuedAtMs = UNQUEUED;
  /** Where it waits; `undefined` while it does not. */
  flow: Flow | undefined;
  /** The next one of its flow. */
  behind: Shaped | undefined;
  /** Its neighbours by age. */
  older: Shaped | undefined;
  newer: Shaped | undefined;
}

/** The `queuedAtMs` of a datagram that was never queued. */
export const UNQUEUED = -Infinity;
