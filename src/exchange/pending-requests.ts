import { BinaryHeap, type HeapEntry } from '../common/binary-heap.js';
import type { PeerAddress } from '../common/peer-address.js';

/** Names a request on the wire. */
export type RequestId = string | number;

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
  readonly #byId = new Map<RequestId, Entry<Reply>>();
  /** How many wait for each peer. */
  readonly #byPeer = new Map<string, number>();
  readonly #deadlines = new BinaryHeap<Entry<Reply>>((a, b) => a.deadlineMs < b.deadlineMs);

  /** @param capacity most requests in flight at once */
  constructor(readonly capacity: number) {}

  has(id: RequestId): boolean {
    return this.#byId.has(id);
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * @param deadlineMs monotonic milliseconds at which the request fails; `Infinity` for never
   * @returns false when the table is full or the id is in use: the request was not added
   */
  add(request: PendingRequest<Reply>, deadlineMs: number): boolean {
    if (this.#byId.size >= this.capacity || this.#byId.has(request.id)) return false;
    const entry: Entry<Reply> = { request, deadlineMs, heapIndex: -1 };
    this.#byId.set(request.id, entry);
    this.#byPeer.set(request.peer.key, (this.#byPeer.get(request.peer.key) ?? 0) + 1);
    if (deadlineMs !== Infinity) this.#deadlines.push(entry);
    return true;
  }

  /** Whether a request to a peer waits for its reply. */
  isAsked(peer: PeerAddress): boolean {
    return this.#byPeer.has(peer.key);
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
    this.#byId.delete(request.id);
    this.#deadlines.remove(entry);
    const left = (this.#byPeer.get(request.peer.key) ?? 1) - 1;
    if (left > 0) this.#byPeer.set(request.peer.key, left);
    else this.#byPeer.delete(request.peer.key);
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

  /** Takes out all requests that a test picks: of one client, or all. */
  drain(picks: (request: PendingRequest<Reply>) => boolean = () => true): PendingRequest<Reply>[] {
    const drained = [...this.#byId.values()].map((entry) => entry.request).filter(picks);
    for (const request of drained) this.remove(request);
    return drained;
  }
}

interface Entry<Reply> extends HeapEntry {
  readonly request: PendingRequest<Reply>;
  deadlineMs: number;
}
