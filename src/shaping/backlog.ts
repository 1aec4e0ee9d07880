import { BinaryHeap } from '../common/binary-heap.js';
import { AgeList } from './age-list.js';
import type { Flow } from './flow.js';
import type { Peer } from './peer-table.js';
import type { QueueLimits } from './queue.options.js';
import type { Shaped } from './shaped.js';
import { TRAFFIC_CLASSES, type ClassRank } from '../common/traffic-class.js';

/** All that waits: how much it is, what is oldest, whether one more fits. */
export class Backlog {
  /** Bytes of all that waits. */
  bytes = 0;
  datagrams = 0;
  /** Flows that have something waiting. */
  flows = 0;
  readonly #classes = TRAFFIC_CLASSES.map(() => ({
    bytes: 0,
    datagrams: 0,
    byAge: new AgeList(),
  }));
  /** By bytes that wait, most first; kept only where somebody asks for the fattest. */
  readonly #fattest: BinaryHeap<Peer> | undefined;

  constructor(private readonly limits: QueueLimits) {
    this.#fattest =
      limits.overflow === 'drop-fattest'
        ? new BinaryHeap<Peer>((a, b) => a.queuedBytes > b.queuedBytes)
        : undefined;
  }

  add(item: Shaped, flow: Flow, nowMs: number): void {
    if (flow.isEmpty) this.flows++;
    item.queuedAtMs = nowMs;
    flow.add(item);
    this.#ofClass(item).byAge.add(item);
    this.#count(item, flow, item.bytes, 1);
  }

  /** @returns the flow it has left */
  remove(item: Shaped): Flow | undefined {
    const { flow } = item;
    if (flow === undefined) return undefined;
    flow.remove(item);
    this.#ofClass(item).byAge.remove(item);
    this.#count(item, flow, -item.bytes, -1);
    if (flow.isEmpty) this.flows--;
    return flow;
  }

  /** Whether a datagram fits beside what waits. Urgent ones may use a reserve: a full queue must be able to say so. */
  hasRoomFor(item: Shaped, peer: Peer): boolean {
    const share = item.isUrgent ? 1 + RESERVE : 1;
    const { maxBytes, maxDatagrams } = this.limits;
    return (
      this.#fitsPeer(item, peer, share) &&
      this.bytes + item.bytes <= share * maxBytes &&
      this.datagrams < Math.ceil(share * maxDatagrams)
    );
  }

  /** Which one the policy gives up next for one that does not fit; `undefined` when it gives up none. */
  victimFor(item: Shaped, peer: Peer): Shaped | undefined {
    const { overflow, maxBytes, maxPeerBytes } = this.limits;
    if (item.bytes > Math.min(maxBytes, maxPeerBytes)) return undefined;
    switch (overflow) {
      case 'drop-oldest':
        return this.#fitsPeer(item, peer, 1) ? this.oldest : peer.oldest;
      case 'drop-fattest':
        return (this.#fitsPeer(item, peer, 1) ? this.#fattest?.peek() : peer)?.oldest;
      default:
        return undefined;
    }
  }

  /** The datagram that has waited longest. */
  get oldest(): Shaped | undefined {
    let oldest: Shaped | undefined;
    for (const { byAge } of this.#classes) {
      const first = byAge.oldest;
      if (first !== undefined && (oldest === undefined || first.queuedAtMs < oldest.queuedAtMs))
        oldest = first;
    }
    return oldest;
  }

  /** What waits of one class. */
  ofClass(rank: ClassRank): {
    readonly bytes: number;
    readonly datagrams: number;
    readonly oldest: Shaped | undefined;
  } {
    const { bytes, datagrams, byAge } = this.#classes[rank]!;
    return { bytes, datagrams, oldest: byAge.oldest };
  }

  #fitsPeer(item: Shaped, peer: Peer, share: number): boolean {
    return peer.queuedBytes + item.bytes <= share * this.limits.maxPeerBytes;
  }

  #ofClass({ rank }: Shaped): { bytes: number; datagrams: number; readonly byAge: AgeList } {
    return this.#classes[rank]!;
  }

  #count(item: Shaped, flow: Flow, bytes: number, datagrams: number): void {
    const { peer, limit } = flow;
    const ofClass = this.#ofClass(item);
    this.datagrams += datagrams;
    ofClass.datagrams += datagrams;
    flow.queuedDatagrams += datagrams;
    // Sums of fractions would not come back to nothing.
    this.bytes = this.datagrams === 0 ? 0 : this.bytes + bytes;
    ofClass.bytes = ofClass.datagrams === 0 ? 0 : ofClass.bytes + bytes;
    flow.queuedBytes = flow.queuedDatagrams === 0 ? 0 : flow.queuedBytes + bytes;
    if (limit !== undefined) limit.queuedBytes += bytes;
    peer.queuedBytes = peer.queuedDatagrams === 0 ? 0 : peer.queuedBytes + bytes;
    this.#weigh(peer);
  }

  #weigh(peer: Peer): void {
    const heap = this.#fattest;
    if (heap === undefined) return;
    if (peer.queuedBytes <= 0) heap.remove(peer);
    else if (peer.heapIndex < 0) heap.push(peer);
    else heap.update(peer);
  }
}

/** What short errors may take beyond the bounds, as a part of them. */
export const RESERVE = 1 / 8;
