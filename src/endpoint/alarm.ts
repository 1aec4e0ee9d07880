import type { Scheduler } from './scheduler.js';

/** One timer that can be aimed again and again; holds at most one system timer. */
export class Alarm {
  #aimMs = Infinity;
  #cancel: (() => void) | undefined;

  /** @param ring called when the time has come; it may come early, so look at the clock */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly ring: () => void,
  ) {}

  /**
   * Aims at an instant, instead of the one aimed at before; `Infinity` disarms.
   *
   * @param isExact see {@link Scheduler.after}
   */
  aim(atMs: number, isExact = false): void {
    if (atMs === this.#aimMs) return;
    this.disarm();
    if (atMs === Infinity) return;
    this.#aimMs = atMs;
    const ring = (): void => {
      this.#aimMs = Infinity;
      this.#cancel = undefined;
      this.ring();
    };
    this.#cancel = this.scheduler.after(Math.max(0, atMs - this.scheduler.now()), ring, isExact);
  }

  disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#aimMs = Infinity;
  }
}
