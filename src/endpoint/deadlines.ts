import { BinaryHeap, type HeapEntry } from '../common/binary-heap.js';
import { Alarm } from './alarm.js';
import type { Scheduler } from './scheduler.js';
import { TURN_MS } from './turn.js';

/** Something that has to do something at an instant. */
export abstract class Timed implements HeapEntry {
  heapIndex = -1;
  /** The instant, monotonic milliseconds. Written by {@link Deadlines}. */
  dueMs = Infinity;

  /** The instant has come. Aim again for another one. */
  abstract onDue(nowMs: number): void;
}

/** Something that has to be done at an instant, as a function. */
export class Watch extends Timed {
  constructor(readonly onDue: (nowMs: number) => void) {
    super();
  }
}

/** Any number of instants on one timer. */
export class Deadlines {
  readonly #heap = new BinaryHeap<Timed>((a, b) => a.dueMs < b.dueMs);
  readonly #alarm: Alarm;
  #aimedMs = Infinity;

  constructor(private readonly scheduler: Scheduler) {
    this.#alarm = new Alarm(scheduler, () => this.#ring());
  }

  /** Aims at an instant, instead of the one before; `Infinity` for none. */
  aim(timed: Timed, dueMs: number): void {
    if (dueMs === timed.dueMs) return;
    this.#heap.remove(timed);
    timed.dueMs = dueMs;
    if (dueMs === Infinity) return;
    this.#heap.push(timed);
    // A timer that is set too early wakes, looks and is set anew: cheaper than to move it for each datagram.
    if (dueMs < this.#aimedMs) this.#aimAlarm(dueMs);
  }

  /**
   * Lets one go. A timer that was set for it stays, and rings for nothing: most deadlines are let go of long before
   * their time, and to clear and set a timer for each request costs more than one that rings now and then.
   */
  cancel(timed: Timed): void {
    this.aim(timed, Infinity);
  }

  /** Lets no timer run any more. */
  stop(): void {
    this.#aimAlarm(Infinity);
    for (let timed = this.#heap.pop(); timed !== undefined; timed = this.#heap.pop()) timed.dueMs = Infinity;
  }

  #ring(): void {
    this.#aimedMs = Infinity;
    let nowMs = this.scheduler.now();
    const endMs = nowMs + TURN_MS;
    // No more than there are now: one that aims at the present again must let others have their turn. And no longer
    // than a turn may take: thousands may be due at once.
    for (let left = this.#heap.size; left > 0 && nowMs <= endMs; left--) {
      const first = this.#heap.peek();
      if (first === undefined || first.dueMs > nowMs) break;
      this.#heap.pop();
      first.dueMs = Infinity;
      first.onDue(nowMs);
      nowMs = this.scheduler.now();
    }
    const nextMs = this.#heap.peek()?.dueMs ?? Infinity;
    if (nextMs < this.#aimedMs) this.#aimAlarm(nextMs);
  }

  #aimAlarm(atMs: number): void {
    this.#aimedMs = atMs;
    this.#alarm.aim(atMs);
  }
}
