import { BinaryHeap, type HeapEntry } from '../common/binary-heap.js';
import type { Scheduler } from '../endpoint/scheduler.js';

/**
 * A clock that stands still until a test moves it. Timers run at their exact instants, in order, and what they
 * set off (promises, `soon` tasks) settles before the next one.
 *
 * ```ts
 * const clock = new ManualClock();
 * clock.after(4860, send);
 * await clock.advance(4860); // send() has run, at 4860
 * ```
 */
export class ManualClock implements Scheduler {
  readonly timeOrigin = 0;
  readonly #timers = new BinaryHeap<Timer>(isBefore);
  #timersSet = 0;
  #soon: (() => void)[] = [];
  #nowMs: number;

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    if (!(delayMs >= 0 && delayMs < Infinity)) {
      throw new RangeError(`a delay must be 0 or more and finite, got ${delayMs} ms`);
    }
    const timer: Timer = { atMs: this.#nowMs + delayMs, nth: this.#timersSet++, task, heapIndex: -1 };
    this.#timers.push(timer);
    return () => this.#timers.remove(timer);
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** Timers that have neither run nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Lets time pass. `advance(0)` runs what is due now.
   *
   * @param milliseconds 0 or more
   * @throws whatever a task throws; the clock then stands at that task's instant
   */
  async advance(milliseconds: number): Promise<void> {
    if (!(milliseconds >= 0)) throw new RangeError(`time cannot pass by ${milliseconds} ms; see jump()`);
    await this.advanceTo(this.#nowMs + milliseconds);
  }

  /** Lets time pass until an instant; one that is past runs what is due, and leaves the clock alone. */
  async advanceTo(untilMs: number): Promise<void> {
    let tasksOfInstant = 0;
    await settle();
    for (let step = this.#nextStep(untilMs); step !== undefined; step = this.#nextStep(untilMs)) {
      tasksOfInstant = step.atMs > this.#nowMs ? 0 : tasksOfInstant + 1;
      if (tasksOfInstant > MAX_TASKS_OF_INSTANT) {
        throw new Error(
          `more than ${MAX_TASKS_OF_INSTANT} tasks at ${this.#nowMs} ms: does one call itself?`,
        );
      }
      this.#nowMs = Math.max(this.#nowMs, step.atMs);
      for (const task of step.tasks) task();
      await settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * Moves the clock and runs nothing: forward it is an event loop that stalled (what is due runs late, at the
   * next `advance`), backward a clock that was set. Timers stay at their instants.
   */
  jump(milliseconds: number): void {
    this.#nowMs += milliseconds;
  }

  /** Takes out what runs next: all `soon` tasks of this turn, or else the earliest timer that is due. */
  #nextStep(untilMs: number): Step | undefined {
    if (this.#soon.length > 0) {
      const tasks = this.#soon;
      this.#soon = [];
      return { atMs: this.#nowMs, tasks };
    }
    const first = this.#timers.peek();
    if (first === undefined || first.atMs > Math.max(untilMs, this.#nowMs)) return undefined;
    this.#timers.remove(first);
    return { atMs: first.atMs, tasks: [first.task] };
  }
}

interface Timer extends HeapEntry {
  readonly atMs: number;
  /** Which one it is of all that were set. */
  readonly nth: number;
  readonly task: () => void;
}

interface Step {
  readonly atMs: number;
  readonly tasks: readonly (() => void)[];
}

/** Of timers for one instant the one goes first that was set first. */
function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs === b.atMs ? a.nth < b.nth : a.atMs < b.atMs;
}

// Captured now: a test may replace the global by a fake one.
const nextTurn = setImmediate;

/** Lets promise chains, `nextTick` and `setImmediate` run dry, as far as a few turns of the loop do that. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
}

// All microtasks run in the first turn; the second is for code that waits for a setImmediate of its own.
const SETTLE_TURNS = 2;

const MAX_TASKS_OF_INSTANT = 100_000;
