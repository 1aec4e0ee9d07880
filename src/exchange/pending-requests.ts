import { BinaryHeap, type HeapEntry } from '../common/binary-heap.js';
import type { PeerAddress } from '../common/peer-address.js';
import { hashOfText } from '../common/text-hash.js';
import { AskedRequests, type AskedRequest, type RequestId } from './asked-requests.js';
import { hashWords } from './request-key.js';

/** A request that waits for replies. */
export interface PendingRequest<Reply> {
  readonly id: RequestId;
  /** The only address whose replies count. */
  readonly peer: PeerAddress;
  /** Takes a reply; called for each until one ends the request. */
  onReply(reply: Reply): void;
  /** Called once when the deadline passes or the table is emptied; the request is out by then. */
  onFailure(error: Error): void;
}

/** Why a reply was not taken. */
export type ReplyRefusal = 'unknown-id' | 'wrong-peer';

/**
 * The requests in flight, by id, with one deadline each.
 *
 * Pure: whoever owns it calls `expire` when `nextDeadlineMs` has come. A reply counts only with a pending id
 * and from the address that was asked; anything else changes nothing.
 */
export class PendingRequests<Reply> {
  readonly #byId = new AskedRequests<Entry<Reply>>(hashWords(SEEDS));
  /** How many wait, by some bits of their peer. */
  readonly #byPeer = new Uint32Array(PEER_PLACES);
  readonly #deadlines = new BinaryHeap<Entry<Reply>>((a, b) => a.deadlineMs < b.deadlineMs);

  /** @param capacity most requests in flight at once */
  constructor(readonly capacity: number) {}

  has(id: RequestId): boolean {
    return this.#byId.get(id) !== undefined;
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * @param deadlineMs monotonic milliseconds at which the request fails; `Infinity` for never
   * @returns false when the table is full or the id is in use: the request was not added
   */
  add(request: PendingRequest<Reply>, deadlineMs: number): boolean {
    if (this.size >= this.capacity || this.has(request.id)) return false;
    const entry: Entry<Reply> = { id: request.id, slot: -1, request, deadlineMs, heapIndex: -1 };
    this.#byId.add(entry);
    this.#count(request.peer, 1);
    if (deadlineMs !== Infinity) this.#deadlines.push(entry);
    return true;
  }

  /** Whether a request to a peer waits for its reply; of few others the same is said. */
  mayBeAsked(peer: PeerAddress): boolean {
    return this.#byPeer[placeOf(peer)] !== 0;
  }

  /** The request that a reply from `peer` belongs to, or why there is none. */
  match(id: RequestId, peer: PeerAddress): PendingRequest<Reply> | ReplyRefusal {
    const entry = this.#byId.get(id);
    if (entry === undefined) return 'unknown-id';
    return entry.request.peer.equals(peer) ? entry.request : 'wrong-peer';
  }

  /** Moves the deadline of a request that is in flight. */
  extend(id: RequestId, deadlineMs: number): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#deadlines.remove(entry);
    entry.deadlineMs = deadlineMs;
    if (deadlineMs !== Infinity) this.#deadlines.push(entry);
  }

  /** Takes a request out; a later one with the same id stays. @returns whether it was in flight */
  remove(request: PendingRequest<Reply>): boolean {
    const entry = this.#byId.get(request.id);
    if (entry?.request !== request) return false;
    this.#byId.remove(entry);
    this.#deadlines.remove(entry);
    this.#count(request.peer, -1);
    return true;
  }

  /** The next request whose deadline has passed, taken out. */
  expire(nowMs: number): PendingRequest<Reply> | undefined {
    const first = this.#deadlines.peek();
    if (first === undefined || first.deadlineMs > nowMs) return undefined;
    this.remove(first.request);
    return first.request;
  }

  /** When `expire` will next have something; `Infinity` when never. */
  nextDeadlineMs(): number {
    return this.#deadlines.peek()?.deadlineMs ?? Infinity;
  }

  /** Takes out all requests. */
  drain(): PendingRequest<Reply>[] {
    const drained = this.#byId.values().map((entry) => entry.request);
    for (const request of drained) this.remove(request);
    return drained;
  }

  #count(peer: PeerAddress, change: 1 | -1): void {
    const place = placeOf(peer);
    this.#byPeer[place] = (this.#byPeer[place] as number) + change;
  }
}

interface Entry<Reply> extends AskedRequest, HeapEntry {
  readonly request: PendingRequest<Reply>;
  deadlineMs: number;
}

function placeOf(peer: PeerAddress): number {
  return hashOfText(peer.key) % PEER_PLACES;
}

// Whatever they are: ids are made on this side, so nobody looks for two that meet.
const SEEDS = [1, 2, 3, 4];

// 16 KiB. A stranger whose place is that of a peer who was asked gains that its datagrams are read before their time.
const PEER_PLACES = 4096;
