import { Alarm } from './alarm.js';
import type { OutgoingDatagram } from './datagram-socket.js';
import { errnoOf } from './endpoint.errors.js';
import type { Scheduler } from './scheduler.js';

/** What {@link SendRetry} must know of a datagram. */
export interface Retryable extends OutgoingDatagram {
  /** How often the kernel had no room for it. */
  refusals: number;
}

/**
 * Sends again what the kernel had no room for (`ENOBUFS`, `EAGAIN`), after 1 to 10 ms. Its bytes were taken
 * from the bucket already and are not taken twice.
 */
export class SendRetry<T extends Retryable> {
  #waiting: T[] = [];
  #backoffMs = SHORTEST_MS;
  readonly #alarm: Alarm;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly send: (batch: readonly T[]) => void,
  ) {
    this.#alarm = new Alarm(scheduler, () => this.#sendAll());
  }

  /** @returns whether the datagram will be sent again; if not, its failure is final */
  take(datagram: T, error: Error): boolean {
    if (!NO_ROOM.has(errnoOf(error)) || datagram.refusals >= MAX_REFUSALS) return false;
    if (this.#waiting.length >= MAX_WAITING) return false;
    datagram.refusals++;
    this.#waiting.push(datagram);
    // Only the first one aims: one refusal after another must not put the next attempt off for ever.
    if (this.#waiting.length === 1) this.#alarm.aim(this.scheduler.now() + this.#backoffMs);
    return true;
  }

  /**
   * Puts a datagram behind those that wait, so that they keep their order.
   *
   * @returns false when nothing waits, or too much does: the kernel is to be asked
   */
  joinLine(datagram: T): boolean {
    if (this.#waiting.length === 0 || this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(datagram);
    return true;
  }

  /** The kernel took something: the next refusal starts with the shortest wait. */
  reset(): void {
    this.#backoffMs = SHORTEST_MS;
  }

  /** Takes out what waits: for closing. */
  drain(): T[] {
    this.#alarm.disarm();
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  #sendAll(): void {
    this.#backoffMs = Math.min(LONGEST_MS, 2 * this.#backoffMs);
    this.send(this.drain());
  }
}

const NO_ROOM: ReadonlySet<string> = new Set(['ENOBUFS', 'EAGAIN']);

const SHORTEST_MS = 1;

const LONGEST_MS = 10;

// About a second of waiting: a link that is down for longer loses datagrams.
const MAX_REFUSALS = 100;

const MAX_WAITING = 1024;
