import { Fifo } from '../common/fifo.js';

/** What a queue must know of a datagram. */
export interface Queueable {
  /** What the datagram costs, in bytes. */
  readonly bytes: number;
  /** When it was queued, monotonic milliseconds. Written by the queue. */
  queuedAtMs: number;
  /**
   * Whether it goes before others, and may use the reserve of a queue that is full: short errors and control
   * frames, so that peers neither wait nor ask again in vain.
   */
  readonly isUrgent?: boolean;
}

/** First in, first out, urgent datagrams before others; knows how many bytes it holds. All costs O(1). */
export class DatagramQueue<T extends Queueable> {
  // A ring with a power of two of slots: neither shift() on a long array nor a node object for each entry.
  #slots: (T | undefined)[] = Array.from({ length: INITIAL_SLOTS }, () => undefined);
  readonly #urgent = new Fifo<T>();
  #head = 0;
  #length = 0;
  #bytes = 0;

  push(item: T, nowMs: number): void {
    if (item.isUrgent === true) {
      item.queuedAtMs = nowMs;
      this.#urgent.push(item);
      this.#bytes += item.bytes;
      return;
    }
    if (this.#length === this.#slots.length) this.#grow();
    item.queuedAtMs = nowMs;
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
    this.#bytes += item.bytes;
  }

  peek(): T | undefined {
    return this.#urgent.peek() ?? this.#slots[this.#head];
  }

  shift(): T | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) {
      this.#bytes = this.length === 0 ? 0 : this.#bytes - urgent.bytes;
      return urgent;
    }
    const item = this.#slots[this.#head];
    if (item === undefined) return undefined;
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    this.#bytes -= item.bytes;
    if (this.#length === 0) {
      if (this.#urgent.length === 0) this.#bytes = 0;
      // A burst of long ago must not hold its memory for good.
      if (this.#slots.length > SPARE_SLOTS) this.#reset();
    }
    return item;
  }

  get length(): number {
    return this.#length + this.#urgent.length;
  }

  /** Bytes of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  #grow(): void {
    const { length } = this.#slots;
    this.#slots = Array.from({ length: 2 * length }, (_, index) =>
      index < length ? this.#slots[(this.#head + index) & (length - 1)] : undefined,
    );
    this.#head = 0;
  }

  #reset(): void {
    this.#slots = Array.from({ length: INITIAL_SLOTS }, () => undefined);
    this.#head = 0;
  }
}

const INITIAL_SLOTS = 16;

const SPARE_SLOTS = 4096;
