import { Fifo } from '../common/fifo.js';
import type { DeliveryRoom } from './delivery-budget.js';

/** The room that messages of a run take until they have arrived, and whether somebody may read them still. */
export class HeldMessages {
  /** Each until all before its end and itself have arrived: it is one array. */
  readonly #held = new Fifo<HeldMessage>();
  /** Acknowledged, or given up, while they waited in our own queue: their bytes may be read once more. */
  readonly #readLater = new Set<number>();

  /** @param room shared with other runs; without it there is no bound */
  constructor(private readonly room: DeliveryRoom | undefined) {}

  /**
   * @param lastSeq of its last segment
   * @param bytes what it takes
   * @returns false when there is no room
   */
  tryHold(message: Uint8Array, lastSeq: number, bytes: number): boolean {
    if (this.room === undefined) return true;
    if (!this.room.tryTake(bytes)) return false;
    this.#held.push({ message, lastSeq, bytes });
    return true;
  }

  /** A segment that nobody wants any more still waits to leave. */
  readLater(seq: number): void {
    this.#readLater.add(seq);
  }

  /** Gives back what messages before a segment have taken. */
  letGo(seq: number): void {
    for (let head = this.#held.peek(); head !== undefined && head.lastSeq < seq; head = this.#held.peek()) {
      this.#held.shift();
      this.room?.giveBack(head.bytes, this.#isFree(head.lastSeq) ? head.message : undefined);
    }
  }

  /** Whether bytes of messages that have arrived, or are given up, may still be read. */
  get isReadLater(): boolean {
    return this.#readLater.size > 0;
  }

  /** Whether nobody reads the message any more that ends with a segment; those before it have been let go. */
  #isFree(lastSeq: number): boolean {
    let isFree = true;
    for (const seq of this.#readLater) {
      if (seq > lastSeq) continue;
      this.#readLater.delete(seq);
      isFree = false;
    }
    return isFree;
  }
}

interface HeldMessage {
  readonly message: Uint8Array;
  readonly lastSeq: number;
  readonly bytes: number;
}
