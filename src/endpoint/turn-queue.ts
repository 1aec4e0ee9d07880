import { Fifo } from '../common/fifo.js';
import type { Scheduler } from './scheduler.js';
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

  /** @param handOn must not throw */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly handOn: (item: T, nowMs: number) => void,
  ) {
    this.#turn = new Turn(scheduler, () => this.#next());
  }

  /** Hands a datagram on, now or in one of the next turns. @returns false when too much waits already */
  take(item: T, nowMs: number): boolean {
    // While anything waits, the turn is spent: nobody overtakes.
    if (!this.#isSpent(nowMs)) {
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

  #next(): void {
    if (this.#waiting.length === 0) return;
    let nowMs = this.scheduler.now();
    this.#turn.watch(nowMs);
    while (!this.#turn.isSpent(nowMs)) {
      const item = this.shift();
      if (item === undefined) return;
      this.handOn(item, nowMs);
      nowMs = this.scheduler.now();
    }
  }
}

// Node hands over 32 datagrams in a turn: where each takes less, all of them take no longer than one may.
const LONG_MS = TURN_MS / 32;

// About what the kernel holds for a socket: more would only make all of it wait for longer.
const MAX_WAITING = 256;

const MAX_WAITING_BYTES = 2 ** 20;
