import type { Scheduler } from '../../src/endpoint/scheduler.js';

/** How the timers of a {@link SimulatedScheduler} err. */
export interface TimerQuality {
  /** Shortest timer in milliseconds: Node's is 1. */
  readonly shortestMs: number;
  /** Called for each timer: how late it fires, in milliseconds; early when negative. */
  readonly lateness: () => number;
  /** How long a turn of the event loop takes, in milliseconds. */
  readonly turnMs: number;
}

/** Timers that fire at the very instant they were aimed at. */
export const EXACT_TIMERS: TimerQuality = { shortestMs: 0, lateness: () => 0, turnMs: 0 };

/**
 * An event loop in virtual time. Timers follow the true time, as the kernel's do; `now()` is a clock that can
 * be made to jump.
 */
export class SimulatedScheduler implements Scheduler {
  readonly timeOrigin = 0;
  /** Told every reading of the clock. */
  onRead: (nowMs: number) => void = () => {};
  readonly #tasks = new Set<{ atMs: number; run: () => void }>();
  #trueMs = 0;
  #offsetMs = 0;

  constructor(private readonly timers: TimerQuality) {}

  now(): number {
    const nowMs = this.#trueMs + this.#offsetMs;
    this.onRead(nowMs);
    return nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const atMs = this.#trueMs + Math.max(this.timers.shortestMs, delayMs + this.timers.lateness());
    const task = { atMs, run };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  soon(run: () => void): void {
    this.#tasks.add({ atMs: this.#trueMs + this.timers.turnMs, run });
  }

  /** Lets the time pass, running what falls due. */
  elapse(ms: number): void {
    const untilMs = this.#trueMs + ms;
    for (let wakes = 0; this.runNext(untilMs); wakes++) {
      if (wakes === MAX_WAKES) throw new Error(`the loop woke ${MAX_WAKES} times within ${ms} ms`);
    }
    this.#trueMs = untilMs;
  }

  /** Lets the time pass while nothing can run: the event loop is busy elsewhere. */
  stall(ms: number): void {
    this.#trueMs += ms;
  }

  /** Steps the clock, forwards or back. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  /** @returns false when nothing is left that falls due until then */
  runNext(untilMs = Infinity): boolean {
    let next: { atMs: number; run: () => void } | undefined;
    for (const task of this.#tasks) if (next === undefined || task.atMs < next.atMs) next = task;
    if (next === undefined || next.atMs > untilMs) return false;
    this.#tasks.delete(next);
    this.#trueMs = Math.max(this.#trueMs, next.atMs);
    next.run();
    return true;
  }
}

// Far above what any script here needs: a loop that wakes in vain would never end otherwise.
const MAX_WAKES = 100_000;
