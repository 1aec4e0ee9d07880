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
  isReadLater: boolean;
}

/** The messages of a run: the room that each takes until it has arrived, and whether somebody reads it after that. */
export class HeldMessages {
  /** Each until all before its end and itself have arrived: it is one array. */
  readonly #held = new Fifo<HeldMessage>();
  #isReadLater = false;

  /** @param room shared with other runs; without it there is no bound */
  constructor(private readonly room: DeliveryRoom | undefined) {}

  /** @returns `undefined` when there is no room */
  hold(message: Uint8Array, lastSeq: number, bytes: number): HeldMessage | undefined {
    const held = { message, lastSeq, bytes, isReadLater: false };
    if (this.room === undefined) return held;
    if (!this.room.tryTake(bytes)) return undefined;
    this.#held.push(held);
    return held;
  }

  /** @param held the message that the piece is of; `undefined` for one that takes no room */
  readLater(held: HeldMessage | undefined): void {
    this.#isReadLater = true;
    if (held !== undefined) held.isReadLater = true;
  }

  /** Gives back what messages before a segment have taken. */
  letGo(seq: number): void {
    for (let head = this.#held.peek(); head !== undefined && head.lastSeq < seq; head = this.#held.peek()) {
      this.#held.shift();
      this.room?.giveBack(head.bytes, head.isReadLater ? undefined : head.message);
    }
  }

  /** Whether bytes of any message may still be read after it has arrived, or is given up. */
  get isReadLater(): boolean {
    return this.#isReadLater;
  }
}
