/** The time and the timers of an endpoint: the system's, or a test's. */
export interface Scheduler {
  /** Monotonic milliseconds, with fractions. */
  now(): number;
  /** What to add to `now()` for milliseconds since 1970. */
  readonly timeOrigin: number;
  /**
   * Calls `task` once, `delayMs` or a little more or less from now; the task asks the clock again.
   *
   * @param delayMs 0 or more, finite
   * @returns a function that cancels the call
   */
  after(delayMs: number, task: () => void): () => void;
  /** Calls `task` in the next turn, after input and output had theirs. */
  soon(task: () => void): void;
}

/** The clock and timers of the machine. */
export const systemScheduler: Scheduler = {
  now: () => performance.now(),
  timeOrigin: performance.timeOrigin,
  after(delayMs, task) {
    // Node takes longer delays for 1 ms; whoever asked looks at the clock again on waking.
    const timer = setTimeout(task, Math.min(delayMs, LONGEST_DELAY_MS));
    return () => clearTimeout(timer);
  },
  soon(task) {
    setImmediate(task);
  },
};

const LONGEST_DELAY_MS = 2 ** 31 - 1;
