import type { Backlog } from './backlog.js';
import type { Flow } from './flow.js';
import type { Limit } from './limit.js';
import type { Peer } from './peer-table.js';
import type { Shaped } from './shaped.js';

/**
 * How long datagrams wait, at the present rates. Others have their turns between those of a flow, but none has more
 * than it: so a peer is not taken to wait for the whole queue of another.
 */
export class WaitingTime {
  constructor(
    /** Of all. */
    private readonly limit: Limit,
    private readonly backlog: Backlog,
  ) {}

  /**
   * What a datagram waits that is queued now.
   *
   * @param flow that it would join, when there is one already
   * @returns milliseconds; 0 during a pause, whose end nobody knows
   */
  ofDatagram({ bytes, limit, isUrgent }: Shaped, peer: Peer, flow: Flow | undefined, nowMs: number): number {
    if (this.limit.paused || peer.limit.paused || limit?.paused === true) return 0;
    const ofFlow = isUrgent ? 0 : (flow?.queuedBytes ?? 0);
    const turns = ofFlow * Math.max(1, this.backlog.flows);
    return Math.max(
      this.limit.delayBehind(Math.min(this.backlog.bytes, turns), bytes, nowMs),
      peer.limit.delayBehind(isUrgent ? 0 : peer.queuedBytes, bytes, nowMs),
      limit === undefined ? 0 : limit.delayBehind(Math.min(limit.queuedBytes, turns), bytes, nowMs),
    );
  }

  /**
   * What goes before a reply that is yet to be made, and of which nobody knows how large it will be.
   *
   * @returns milliseconds; a pause and debts are not counted
   */
  ofReply({ rank, limit }: Pick<Shaped, 'rank' | 'limit'>, peer: Peer | undefined): number {
    const { bytes, datagrams, flows } = this.backlog;
    if (datagrams === 0) return 0;
    const ofFlow = peer?.flow(rank, limit)?.queuedBytes ?? 0;
    const turns = (ofFlow + bytes / datagrams) * flows;
    return Math.max(
      timeFor(Math.min(bytes, turns), this.limit),
      peer === undefined ? 0 : timeFor(peer.queuedBytes, peer.limit),
      limit === undefined ? 0 : timeFor(Math.min(limit.queuedBytes, turns), limit),
    );
  }
}

function timeFor(bytes: number, { rateBytesPerSecond }: Limit): number {
  return (bytes * 1000) / rateBytesPerSecond;
}
