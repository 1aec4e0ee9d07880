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
   * @param isExact asks for some hundredths of a millisecond instead of one or two, at the price of a busy
   *   event loop for the last one before the task
   * @returns a function that cancels the call
   */
  after(delayMs: number, task: () => void, isExact?: boolean): () => void;
  /** Calls `task` in the next turn, after input and output had theirs. */
  soon(task: () => void): void;
}

/** The clock and timers of the machine. */
export const systemScheduler: Scheduler = {
  now: () => performance.now(),
  timeOrigin: performance.timeOrigin,
  after(delayMs, task, isExact = false) {
    // Node takes longer delays for 1 ms; whoever asked looks at the clock again on waking.
    const waitMs = Math.min(delayMs, LONGEST_DELAY_MS);
    return isExact ? afterExactly(waitMs, task) : afterAbout(waitMs, task);
  },
  soon(task) {
    setImmediate(task);
  },
};

function afterAbout(delayMs: number, task: () => void): () => void {
  const timer = setTimeout(task, delayMs);
  return () => clearTimeout(timer);
}

/** Sleeps until shortly before, then goes round the event loop until the time has come. */
function afterExactly(delayMs: number, task: () => void): () => void {
  const dueMs = performance.now() + delayMs;
  let immediate: NodeJS.Immediate | undefined;
  const watch = (): void => {
    if (performance.now() >= dueMs) task();
    else immediate = setImmediate(watch);
  };
  const timer = setTimeout(watch, Math.max(0, delayMs - TIMER_LATENESS_MS));
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

// What a timer of Node's is late by as a rule: it counts whole milliseconds.
const TIMER_LATENESS_MS = 1.2;

const LONGEST_DELAY_MS = 2 ** 31 - 1;
