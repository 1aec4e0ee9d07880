import { BinaryHeap, type HeapEntry } from '../common/binary-heap.js';
import { LinkedList } from '../common/linked-list.js';
import type { Flow } from './flow.js';
import type { Limit } from './limit.js';

/** The flows that wait for one limit, in the order of their turns. */
export class Lot implements HeapEntry {
  heapIndex = -1;
  /** Flows in the middle of a turn, who go before the others. */
  readonly kept = new LinkedList<Flow>();
  readonly line = new LinkedList<Flow>();
  /** When the first of them may go, monotonic milliseconds; `Infinity` while the limit is paused. */
  wakeMs = Infinity;

  constructor(readonly limit: Limit) {}

  get first(): Flow | undefined {
    return this.kept.first ?? this.line.first;
  }

  /** See {@link Limit.latenessAllowedMs}. */
  get latenessAllowedMs(): number {
    return this.limit.latenessAllowedMs(this.first?.head?.bytes ?? 0);
  }
}

/**
 * Where flows wait that a limit of their own holds back, so that nobody has to look at them before their time.
 *
 * Flows that wait for one limit park together and wake together, as many as its tokens allow: a limit that is
 * shared by 100,000 flows costs one wake, not 100,000.
 */
export class Parking {
  readonly #lots = new BinaryHeap<Lot>((a, b) => a.wakeMs < b.wakeMs);

  /** @param keepsTurn whether it is in the middle of its turn, and so goes before those that have ended theirs */
  park(flow: Flow, limit: Limit, keepsTurn: boolean, nowMs: number): void {
    let lot = limit.lot;
    if (lot === undefined) {
      lot = new Lot(limit);
      limit.lot = lot;
      this.#lots.push(lot);
    }
    flow.parkedAt = limit;
    (keepsTurn ? lot.kept : lot.line).pushBack(flow.standing);
    this.#aim(lot, 0, nowMs);
  }

  /** Takes out the flows whose time has come. */
  wake(nowMs: number, welcome: (flow: Flow) => void): void {
    for (let lot = this.#lots.peek(); lot !== undefined && lot.wakeMs <= nowMs; lot = this.#lots.peek()) {
      this.#open(lot, nowMs, welcome);
    }
  }

  /** To be called when the head of a parked flow has changed; one that has run empty is taken out. */
  headChanged(flow: Flow, limit: Limit, nowMs: number): void {
    if (flow.isEmpty) this.#takeOut(flow);
    this.reaim(limit, nowMs);
  }

  /** To be called when a limit has changed. */
  reaim({ lot }: Limit, nowMs: number): void {
    if (lot === undefined) return;
    if (lot.first === undefined) this.#close(lot);
    else this.#aim(lot, 0, nowMs);
  }

  /** When `wake` will next have something; `Infinity` when never. */
  get nextMs(): number {
    return this.#lots.peek()?.wakeMs ?? Infinity;
  }

  /** The lot that wakes next. */
  get next(): Lot | undefined {
    return this.#lots.peek();
  }

  /** Limits that are waited for. */
  get size(): number {
    return this.#lots.size;
  }

  #open(lot: Lot, nowMs: number, welcome: (flow: Flow) => void): void {
    let promisedBytes = 0;
    for (let flow = lot.first; flow !== undefined; flow = lot.first) {
      const bytes = flow.head?.bytes ?? 0;
      if (lot.limit.delayBehind(promisedBytes, bytes, nowMs) > 0) break;
      promisedBytes += bytes;
      this.#takeOut(flow);
      welcome(flow);
    }
    if (lot.first === undefined) this.#close(lot);
    else this.#aim(lot, promisedBytes, nowMs);
  }

  #takeOut(flow: Flow): void {
    flow.parkedAt = undefined;
    flow.standing.list?.remove(flow.standing);
  }

  #aim(lot: Lot, promisedBytes: number, nowMs: number): void {
    const bytes = lot.first?.head?.bytes ?? 0;
    lot.wakeMs = nowMs + lot.limit.delayBehind(promisedBytes, bytes, nowMs);
    this.#lots.update(lot);
  }

  #close(lot: Lot): void {
    lot.limit.lot = undefined;
    this.#lots.remove(lot);
  }
}
