import { Alarm } from '../endpoint/alarm.js';
import type { Scheduler } from '../endpoint/scheduler.js';

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
  readonly #alarm: Alarm;
  #endsMs = -Infinity;
  #lines = 0;
  #leftOut = 0;
  #isClosed = false;

  constructor(
    private readonly scheduler: Scheduler,
    /** Asked for each line: a class that extends ours may bring a logger of its own. */
    private readonly sink: () => LineSink,
  ) {
    this.#alarm = new Alarm(scheduler, () => this.#onDue());
  }

  error(error: unknown): void {
    const nowMs = this.scheduler.now();
    if (nowMs >= this.#endsMs) this.#begin(nowMs);
    if (this.#lines < MAX_LINES) {
      this.#lines++;
      return this.sink().error(error);
    }
    if (this.#isClosed) return;
    // Only now is there something to be said when the minute is over.
    this.#leftOut++;
    this.#alarm.aim(this.#endsMs);
  }

  /** Says what is still to be said, and sets no more timers. */
  close(): void {
    this.#isClosed = true;
    this.#alarm.disarm();
    this.#sum();
  }

  #onDue(): void {
    if (this.scheduler.now() < this.#endsMs) this.#alarm.aim(this.#endsMs);
    else this.#sum();
  }

  #begin(nowMs: number): void {
    this.#alarm.disarm();
    this.#sum();
    this.#endsMs = nowMs + MINUTE_MS;
    this.#lines = 0;
  }

  #sum(): void {
    if (this.#leftOut === 0) return;
    this.sink().warn(`${this.#leftOut} more lines like these were left out`);
    this.#leftOut = 0;
  }
}

const MINUTE_MS = 60_000;

const MAX_LINES = 10;
