import { Fifo } from '../common/fifo.js';
import type { DeliveryRoom } from './delivery-budget.js';

/** A message that has not arrived. */
export interface HeldMessage {
  readonly message: Uint8Array;
  /** Number of its last segment. */
  readonly lastSeq: number;
  /** What it takes of the room. */
  readonly bytes: number;
  /** A copy of a piece still waits in our own queue, though nobody wants it any more. */
  isStillQueued: boolean;
}

/** The messages of a run: the room that each takes until it has arrived, and whether somebody reads it after that. */
export class HeldMessages {
  /** Each until all before its end and itself have arrived: it is one array. */
  readonly #held = new Fifo<HeldMessage>();
  #isStillQueued = false;

  /** @param room shared with other runs; without it there is no bound */
  constructor(private readonly room: DeliveryRoom | undefined) {}

  /** @returns `undefined` when there is no room */
  hold(message: Uint8Array, lastSeq: number, bytes: number): HeldMessage | undefined {
    const held = { message, lastSeq, bytes, isStillQueued: false };
    if (this.room === undefined) return held;
    if (!this.room.tryTake(bytes)) return undefined;
    this.#held.push(held);
    return held;
  }

  /** Nobody wants a piece any more that waits in our own queue. @param held the message that it is of, if it takes room */
  stillQueued(held: HeldMessage | undefined): void {
    this.#isStillQueued = true;
    if (held !== undefined) held.isStillQueued = true;
  }

  /** Gives back what messages before a segment have taken. */
  letGo(seq: number): void {
    for (let head = this.#held.peek(); head !== undefined && head.lastSeq < seq; head = this.#held.peek()) {
      this.#held.shift();
      this.room?.giveBack(head.bytes, head.isStillQueued ? undefined : head.message);
    }
  }

  /** Whether a piece of any message still waits in our own queue, though it has arrived or is given up. */
  get isStillQueued(): boolean {
    return this.#isStillQueued;
  }
}
