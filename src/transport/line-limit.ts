import type { Scheduler } from '../endpoint/scheduler.js';
import { Minute } from './minute.js';

/** Where lines go: Nest's logger. */
export interface LineSink {
  error(message: unknown): void;
  warn(message: string): void;
}

/**
 * Lets so many lines of a minute into the log as they are, and counts the rest: whatever peers can make us say, they
 * cannot fill a disk with it.
 */
export class LineLimit {
  readonly #minute: Minute;
  #lines = 0;
  #leftOut = 0;
  #isClosed = false;

  constructor(
    scheduler: Scheduler,
    /** Asked for each line: a class that extends ours may bring a logger of its own. */
    private readonly sink: () => LineSink,
  ) {
    this.#minute = new Minute(scheduler, () => this.#sum());
  }

  error(error: unknown): void {
    if (this.#minute.isOver) this.#begin();
    if (this.#lines < MAX_LINES) {
      this.#lines++;
      return this.sink().error(error);
    }
    if (this.#isClosed) return;
    // Only now is there something to be said when the minute is over.
    this.#leftOut++;
    this.#minute.listen();
  }

  /** Says what is still to be said, and sets no more timers. */
  close(): void {
    this.#isClosed = true;
    this.#minute.close();
    this.#sum();
  }

  #begin(): void {
    this.#sum();
    this.#minute.begin();
    this.#lines = 0;
  }

  #sum(): void {
    if (this.#leftOut === 0) return;
    this.sink().warn(`${this.#leftOut} more lines like these were left out`);
    this.#leftOut = 0;
  }
}

const MAX_LINES = 10;
