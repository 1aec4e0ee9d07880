import type { GoneReason } from '../codec/frame.js';
import type { PeerAddress } from '../common/peer-address.js';
import { WHOLE_RUN } from '../exchange/segment.js';
import { postFrame, type ExchangeParts } from './exchange-parts.js';
import type { Served } from './served.js';
import type { Fate } from './uplink.js';

/** The short words of a serving side about a request: frames that carry no value. */
export class ServerWords {
  constructor(private readonly parts: ExchangeParts) {}

  /** It runs, or its reply waits to leave. */
  pending(served: Served): void {
    // What waits in our own queue is not queued again.
    if (served.isPendingQueued) return;
    served.isPendingQueued = true;
    this.parts.counts.pendings++;
    const frame = { kind: 'pending', id: served.id, epoch: this.parts.epoch, waitMs: 0 } as const;
    postFrame(this.parts, frame, served.peer, new PendingFate(served));
  }

  /** Nothing was done; come back later. */
  busy(id: string, peer: PeerAddress, retryAfterMs: number): void {
    this.parts.counts.refusedBusy++;
    const frame = {
      kind: 'busy',
      id,
      epoch: this.parts.epoch,
      retryAfterMs: Math.ceil(retryAfterMs),
    } as const;
    postFrame(this.parts, frame, peer);
  }

  /** It may have run, and nothing is known of it any more. */
  unknown(id: string, peer: PeerAddress): void {
    this.parts.counts.outcomesUnknown++;
    this.gone(id, peer, 'outcome-unknown');
  }

  gone(id: string, peer: PeerAddress, reason: GoneReason): void {
    postFrame(this.parts, { kind: 'gone', id, epoch: this.parts.epoch, reason }, peer);
  }

  /** The address must prove itself. @param isRefusal nothing was done: the question is to come again */
  challenge(id: string, peer: PeerAddress, isRefusal: boolean): void {
    const { endpoint, epoch, counts } = this.parts;
    if (isRefusal) counts.refusedUnproven++;
    const token = endpoint.validation.tokenFor(peer);
    postFrame(this.parts, { kind: 'challenge', id, epoch, token, isRefusal }, peer);
  }

  /** A confirmable event is here; a request was given up. */
  done(kind: 'received' | 'cancelled', id: string, peer: PeerAddress): void {
    postFrame(this.parts, { kind, id, epoch: this.parts.epoch }, peer);
  }

  /** All segments of a large request are here. */
  whole(id: string, peer: PeerAddress): void {
    const { epoch, counts } = this.parts;
    counts.acknowledgements++;
    const bitmap = new Uint8Array(0);
    const frame = { kind: 'ack', id, epoch, next: WHOLE_RUN, window: 0, bitmap, wantsAnswer: false } as const;
    postFrame(this.parts, frame, peer);
  }
}

class PendingFate implements Fate {
  constructor(private readonly served: Served) {}

  leaving(): boolean {
    return this.served.isOpen;
  }

  left(): void {
    this.served.isPendingQueued = false;
  }

  dropped(): void {
    this.served.isPendingQueued = false;
  }
}
