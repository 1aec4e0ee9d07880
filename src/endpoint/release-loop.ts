import type { FairShaper } from '../shaping/fair-shaper.js';
import type { Shaped } from '../shaping/shaped.js';
import { Alarm } from './alarm.js';
import type { Scheduler } from './scheduler.js';

/** Takes datagrams out of a queue when their time has come, with one timer. */
export class ReleaseLoop<T extends Shaped> {
  readonly #alarm: Alarm;
  #isSoon = false;
  #aimMs = Infinity;

  /**
   * @param release takes what may go now, in order
   * @param expire takes a datagram whose time is up
   * @param onLate told how late each wake was, in milliseconds
   */
  constructor(
    private readonly queue: FairShaper<T>,
    private readonly scheduler: Scheduler,
    private readonly release: (batch: readonly T[], nowMs: number) => void,
    private readonly expire: (item: T) => void,
    private readonly onLate: (latenessMs: number) => void,
  ) {
    this.#alarm = new Alarm(scheduler, () => this.#wake());
  }

  /** To be called when something was queued, or the limit has changed. */
  aim(): void {
    const nowMs = this.scheduler.now();
    const atMs = this.queue.nextEventMs(nowMs);
    if (atMs <= nowMs) return this.#runSoon();
    this.#aimMs = atMs;
    this.#alarm.aim(atMs, this.queue.latenessAllowedMs < USUAL_LATENESS_MS);
  }

  stop(): void {
    this.#alarm.disarm();
  }

  #wake(): void {
    this.onLate(Math.max(0, this.scheduler.now() - this.#aimMs));
    this.#run();
  }

  #run(): void {
    // A timer may fire early and the loop may have stalled: the clock decides, not the alarm.
    const nowMs = this.scheduler.now();
    for (let item = this.queue.expire(nowMs); item !== undefined; item = this.queue.expire(nowMs)) {
      this.expire(item);
    }
    const batch: T[] = [];
    for (let left = this.queue.batchSize; left > 0; left--) {
      const item = this.queue.release(nowMs);
      if (item === undefined) break;
      batch.push(item);
    }
    if (batch.length > 0) this.release(batch, nowMs);
    this.aim();
  }

  #runSoon(): void {
    this.#alarm.disarm();
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.scheduler.soon(() => {
      this.#isSoon = false;
      this.#run();
    });
  }
}

// Timers are later than this about once in a hundred times. A burst that hides it costs nothing; without one,
// each moment of lateness is rate lost for good: 2 to 3 % of it where datagrams are 20 to 80 ms apart.
const USUAL_LATENESS_MS = 4;
