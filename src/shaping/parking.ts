import { BinaryHeap, type HeapEntry } from '../common/binary-heap.js';
import type { ClassRank } from '../common/traffic-class.js';
import { FlowLine } from './flow-line.js';
import type { Flow } from './flow.js';
import type { Limit } from './limit.js';
import type { ClassTerms } from './traffic-class.options.js';

/**
 * The flows that wait for one limit: in each class in the order of their turns, between classes by weight, so that
 * what a peer has in bulk does not hold up its own small questions.
 */
export class Lot implements HeapEntry {
  heapIndex = -1;
  /** When the first of them may go, monotonic milliseconds; `Infinity` while the limit is paused. */
  wakeMs = Infinity;
  /** One for each class of which something has waited: as a rule it is one. */
  readonly #lines: LotLine[] = [];
  #virtualTime = 0;

  constructor(
    readonly limit: Limit,
    private readonly classes: readonly ClassTerms[],
  ) {}

  /** @param keepsTurn whether it is in the middle of its turn, and so goes before those that have ended theirs */
  add(flow: Flow, keepsTurn: boolean): void {
    const line = this.#lineOf(flow);
    // Time in which a class did not wait is not owed to it.
    if (line.first === undefined) line.virtualTime = Math.max(line.virtualTime, this.#virtualTime);
    (keepsTurn ? line.kept : line.ended).push(flow);
  }

  /** To be called when the first flow is let go with so many bytes. */
  charge(flow: Flow, bytes: number): void {
    const line = this.#lineOf(flow);
    this.#virtualTime = line.virtualTime;
    line.virtualTime += bytes / line.weight;
  }

  get first(): Flow | undefined {
    let chosen: LotLine | undefined;
    for (const line of this.#lines) {
      if (line.first !== undefined && (chosen === undefined || line.isBefore(chosen))) chosen = line;
    }
    return chosen?.first;
  }

  /** See {@link Limit.latenessAllowedMs}. */
  get latenessAllowedMs(): number {
    return this.limit.latenessAllowedMs(this.first?.head?.bytes ?? 0);
  }

  #lineOf({ rank }: Flow): LotLine {
    let line = this.#lines.find((each) => each.rank === rank);
    if (line === undefined) {
      line = new LotLine(rank, this.classes[rank]?.weight ?? 1);
      this.#lines.push(line);
    }
    return line;
  }
}

/** What waits for a limit of one class. */
class LotLine {
  /** Flows in the middle of a turn, who go before the others. */
  readonly kept = new FlowLine();
  readonly ended = new FlowLine();
  /** Bytes that were let go, divided by the weight: the class that has had least goes first. */
  virtualTime = 0;

  constructor(
    readonly rank: ClassRank,
    readonly weight: number,
  ) {}

  get first(): Flow | undefined {
    return this.kept.first ?? this.ended.first;
  }

  isBefore(other: LotLine): boolean {
    const ahead = other.virtualTime - this.virtualTime;
    return ahead > 0 || (ahead === 0 && this.rank < other.rank);
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

  /** @param classes by rank */
  constructor(private readonly classes: readonly ClassTerms[]) {}

  /** @param keepsTurn see {@link Lot.add} */
  park(flow: Flow, limit: Limit, keepsTurn: boolean, nowMs: number): void {
    let lot = limit.lot;
    if (lot === undefined) {
      lot = new Lot(limit, this.classes);
      limit.lot = lot;
      this.#lots.push(lot);
    }
    flow.parkedAt = limit;
    lot.add(flow, keepsTurn);
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
      lot.charge(flow, bytes);
      this.#takeOut(flow);
      welcome(flow);
    }
    if (lot.first === undefined) this.#close(lot);
    else this.#aim(lot, promisedBytes, nowMs);
  }

  #takeOut(flow: Flow): void {
    flow.parkedAt = undefined;
    flow.leaveLine();
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
