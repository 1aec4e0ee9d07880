import type { Scheduler } from './scheduler.js';

/**
 * A turn of the event loop that is watched: whether what is done in it has taken as long as it may, so that timers,
 * sockets and everybody else in the process have theirs.
 */
export class Turn {
  #endMs = Infinity;

  /** @param onEnd called when a watched turn is over: work may go on */
  constructor(
    private readonly scheduler: Pick<Scheduler, 'soon'>,
    private readonly onEnd: () => void,
  ) {}

  /** Watches the present turn from now on, if nobody does yet. */
  watch(nowMs: number): void {
    if (this.isWatched) return;
    this.#endMs = nowMs + TURN_MS;
    this.scheduler.soon(() => {
      this.#endMs = Infinity;
      this.onEnd();
    });
  }

  get isWatched(): boolean {
    return this.#endMs !== Infinity;
  }

  /** Whether nothing more should begin before the next one. */
  isSpent(nowMs: number): boolean {
    return nowMs > this.#endMs;
  }
}

/** How long a turn may work on, in milliseconds. */
export const TURN_MS = 8;
