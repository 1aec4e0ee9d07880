import { Alarm } from '../endpoint/alarm.js';
import type { Scheduler } from '../endpoint/scheduler.js';

/** A minute that somebody wants to hear the end of. Sets a timer only for that. */
export class Minute {
  readonly #alarm: Alarm;
  #endsMs = -Infinity;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly onEnd: () => void,
  ) {
    this.#alarm = new Alarm(scheduler, () => this.#onDue());
  }

  /** It begins now. */
  begin(): void {
    this.#alarm.disarm();
    this.#endsMs = this.scheduler.now() + MINUTE_MS;
  }

  /** Its end is to be told. */
  listen(): void {
    this.#alarm.aim(this.#endsMs);
  }

  /** Its end is not to be told any more. */
  close(): void {
    this.#alarm.disarm();
  }

  get isOver(): boolean {
    return this.scheduler.now() >= this.#endsMs;
  }

  #onDue(): void {
    // Timers may be early.
    if (this.isOver) this.onEnd();
    else this.listen();
  }
}

const MINUTE_MS = 60_000;
