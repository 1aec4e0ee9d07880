import { Fifo } from '../common/fifo.js';
import type { Scheduler } from './scheduler.js';
import { afterRest } from './rest.js';
import { Turn, TURN_MS } from './turn.js';

/**
 * Keeps one turn of the event loop short: what comes after some milliseconds of work waits for the next turns, so
 * that timers, sockets and everybody else in the process have theirs between.
 *
 * `node:dgram` hands over up to 32 datagrams in a turn, the batch driver more, and what they cost is their handlers'
 * business. While they cost little, which is told by the time between them, nothing is done here.
 */
export class TurnQueue<T extends { readonly data: Uint8Array }> {
  readonly #turn: Turn;
  #lastMs = -Infinity;
  readonly #waiting = new Fifo<T>();
  #waitingBytes = 0;
  /** Those that were handed on last are at work. */
  #isResting = false;

  /** @param handOn must not throw */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly handOn: (item: T, nowMs: number) => void,
  ) {
    this.#turn = new Turn(scheduler, this.#next);
  }

  /** Hands a datagram on, now or in one of the next turns. @returns false when too much waits already */
  take(item: T, nowMs: number): boolean {
    // While anything waits, nobody overtakes.
    if (!this.#isSpent(nowMs) && this.#waiting.length === 0) {
      this.handOn(item, nowMs);
      return true;
    }
    const bytes = item.data.length;
    if (this.#waiting.length >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES) return false;
    this.#waiting.push(item);
    this.#waitingBytes += bytes;
    return true;
  }

  /** Takes out the next one that waits: for closing. */
  shift(): T | undefined {
    const item = this.#waiting.shift();
    if (item !== undefined) this.#waitingBytes -= item.data.length;
    return item;
  }

  #isSpent(nowMs: number): boolean {
    const sinceMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    // Either nothing came for a while, or the one before took long: only then is a turn worth watching.
    if (sinceMs > LONG_MS) this.#turn.watch(nowMs);
    return this.#turn.isSpent(nowMs);
  }

  /** Hands on a few, and when their handlers have come to rest looks at the time again: most run behind a promise. */
  readonly #next = (): void => {
    for (let handed = 0; handed < AT_ONCE; handed++) {
      if (this.#waiting.length === 0) return;
      const nowMs = this.scheduler.now();
      this.#turn.watch(nowMs);
      if (this.#turn.isSpent(nowMs)) return;
      this.handOn(this.shift() as T, nowMs);
    }
    if (!this.#isResting) afterRest(this.#goOn);
    this.#isResting = true;
  };

  readonly #goOn = (): void => {
    this.#isResting = false;
    this.#next();
  };
}

// Node hands over 32 datagrams in a turn: where each takes less, all of them take no longer than one may.
const LONG_MS = TURN_MS / 32;

// Handlers that take 2 ms each make a turn of 16 ms at the worst.
const AT_ONCE = 4;

// About what the kernel holds for a socket: more would only make all of it wait for longer.
const MAX_WAITING = 256;

const MAX_WAITING_BYTES = 2 ** 20;
