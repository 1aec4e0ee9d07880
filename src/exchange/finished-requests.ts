import { KeyIndex } from './key-index.js';

/** What is left of a request that was answered. */
export interface FinishedRequest {
  /** How it ended, in its owner's words. */
  readonly mark: number;
  /** Its owner's, kept as it is. */
  readonly note: unknown;
  /** A copy of its reply; `undefined` when there was none, or it was evicted. */
  readonly body: Uint8Array | undefined;
}

/**
 * Requests that are over, in the order in which they ended: their keys, and their replies for as long as there is
 * room. Bodies are evicted before keys, the oldest first.
 *
 * In columns of numbers and one ring of bytes: tens of thousands of objects that live for a minute each would cost
 * the garbage collector more than all else that is done for a request.
 */
export class FinishedRequests {
  readonly #index: KeyIndex;
  #marks = new Uint8Array(0);
  #arrivedMs = new Float64Array(0);
  #finishedMs = new Float64Array(0);
  /** Where a body begins in all the bytes that were ever written; -1 for none. */
  #bodyAt = new Float64Array(0);
  #bodyBytes = new Uint32Array(0);
  #notes: unknown[] = [];
  #ring = new Uint8Array(0);
  #capacity = 0;
  /** Numbers of the oldest request and of the next one; a slot is a number modulo the capacity. */
  #first = 0;
  #next = 0;
  /** The oldest request whose body may be there. */
  #firstBody = 0;
  /** Bytes of the ring that were ever written, and of those ever given up. */
  #written = 0;
  #given = 0;
  #bytes = 0;

  /** @param seed see {@link KeyIndex} */
  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number,
    seed: number,
  ) {
    this.#index = new KeyIndex(seed);
  }

  /** Adds one that has just ended, whose key is not here; there must be room. */
  push(
    words: Uint32Array,
    { mark, note, body }: FinishedRequest,
    arrivedMs: number,
    finishedMs: number,
  ): void {
    if (this.size === this.#capacity) this.#grow();
    const slot = this.#next % this.#capacity;
    this.#index.set(slot, words);
    this.#marks[slot] = mark;
    this.#notes[slot] = note;
    this.#arrivedMs[slot] = arrivedMs;
    this.#finishedMs[slot] = finishedMs;
    this.#bodyAt[slot] = -1;
    this.#next++;
    if (body !== undefined) this.#keepBody(slot, body);
  }

  has(words: Uint32Array): boolean {
    return this.#index.find(words) >= 0;
  }

  get(words: Uint32Array): FinishedRequest | undefined {
    const slot = this.#index.find(words);
    if (slot < 0) return undefined;
    return { mark: this.#marks[slot] as number, note: this.#notes[slot], body: this.#bodyOf(slot) };
  }

  /** Forgets the one that ended first. @returns when it had come; -Infinity when there is none */
  forgetFirst(): number {
    if (this.size === 0) return -Infinity;
    const slot = this.#first % this.#capacity;
    if (this.#firstBody === this.#first) this.#evictBody();
    this.#index.clear(slot);
    this.#notes[slot] = undefined;
    this.#first++;
    return this.#arrivedMs[slot] as number;
  }

  /** When the oldest ended; `Infinity` when there is none. */
  get firstEndedMs(): number {
    return this.size === 0 ? Infinity : (this.#finishedMs[this.#first % this.#capacity] as number);
  }

  get size(): number {
    return this.#next - this.#first;
  }

  /** Bytes of bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  #keepBody(slot: number, body: Uint8Array): void {
    const bytes = body.length;
    if (bytes > this.maxBytes) return;
    this.#makeRoom(bytes);
    const size = this.#ring.length;
    const at = size === 0 ? 0 : this.#written % size;
    // A body lies in one piece: what is left at the end of the ring is given up with the one before.
    if (at + bytes > size) this.#written += size - at;
    this.#ring.set(body, this.#written % Math.max(1, size));
    this.#bodyAt[slot] = this.#written;
    this.#bodyBytes[slot] = bytes;
    this.#written += bytes;
    this.#bytes += bytes;
  }

  #makeRoom(bytes: number): void {
    for (;;) {
      const size = this.#ring.length;
      const at = size === 0 ? 0 : this.#written % size;
      const skipped = at + bytes > size ? size - at : 0;
      if (this.#bytes === 0) this.#given = this.#written;
      if (this.#written + skipped + bytes - this.#given <= size && this.#bytes + bytes <= this.maxBytes)
        return;
      if (size < this.maxBytes) this.#growRing(bytes);
      else if (this.#bytes > 0) this.#evictBody();
      else this.#written = this.#given = 0;
    }
  }

  /** Gives up the oldest body, if the oldest request that may have one does. */
  #evictBody(): void {
    const slot = this.#firstBody % this.#capacity;
    const at = this.#bodyAt[slot] as number;
    if (this.#firstBody < this.#next && at >= 0) {
      this.#bytes -= this.#bodyBytes[slot] as number;
      this.#given = at + (this.#bodyBytes[slot] as number);
      this.#bodyAt[slot] = -1;
    }
    this.#firstBody++;
  }

  #bodyOf(slot: number): Uint8Array | undefined {
    const at = this.#bodyAt[slot] as number;
    if (at < 0) return undefined;
    const from = at % this.#ring.length;
    return this.#ring.slice(from, from + (this.#bodyBytes[slot] as number));
  }

  /**
   * A little room first, then all that there may be: to move thousands of entries would hold up the event loop. Those
   * that are here are put in order from slot 0 on.
   */
  #grow(): void {
    const former = this.#capacity;
    const capacity = former === 0 ? Math.min(this.maxEntries, LEAST_ENTRIES) : this.maxEntries;
    const order = Array.from({ length: this.size }, (_, index) => (this.#first + index) % former);
    this.#index.resize(capacity, order);
    this.#marks = moved(this.#marks, new Uint8Array(capacity), order);
    this.#arrivedMs = moved(this.#arrivedMs, new Float64Array(capacity), order);
    this.#finishedMs = moved(this.#finishedMs, new Float64Array(capacity), order);
    this.#bodyAt = moved(this.#bodyAt, new Float64Array(capacity), order);
    this.#bodyBytes = moved(this.#bodyBytes, new Uint32Array(capacity), order);
    this.#notes = order.map((slot) => this.#notes[slot]);
    this.#capacity = capacity;
    this.#firstBody = Math.max(0, this.#firstBody - this.#first);
    this.#next -= this.#first;
    this.#first = 0;
  }

  /** More room for bodies; those that are here move to its beginning. */
  #growRing(bytes: number): void {
    // Memory that nobody has written to yet costs nothing.
    const isFirst = this.#ring.length === 0 && bytes <= LEAST_BYTES;
    const ring = new Uint8Array(isFirst ? Math.min(this.maxBytes, LEAST_BYTES) : this.maxBytes);
    let written = 0;
    for (let number = this.#firstBody; number < this.#next; number++) {
      const slot = number % this.#capacity;
      const body = this.#bodyOf(slot);
      if (body === undefined) continue;
      ring.set(body, written);
      this.#bodyAt[slot] = written;
      written += body.length;
    }
    this.#ring = ring;
    this.#written = written;
    this.#given = 0;
  }
}

function moved<A extends Uint32Array | Uint8Array | Float64Array>(
  from: A,
  to: A,
  order: readonly number[],
): A {
  order.forEach((slot, index) => (to[index] = from[slot] as number));
  return to;
}

const LEAST_ENTRIES = 256;

const LEAST_BYTES = 65_536;
