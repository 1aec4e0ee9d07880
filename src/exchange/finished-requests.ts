import type { HalfSipHash } from '../common/half-sip-hash.js';
import { KeyIndex } from './key-index.js';
import type { RequestKey } from './request-key.js';

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
  /** Where in the ring a body begins; -1 for none. */
  #bodyAt = new Int32Array(0);
  #bodyBytes = new Int32Array(0);
  #notes: unknown[] = [];
  #capacity = 0;
  /** Slot of the oldest request; the others follow. */
  #first = 0;
  #size = 0;
  /** The oldest ones whose bodies are gone, or never were. */
  #bodiless = 0;
  #ring = new Uint8Array(0);
  /** Where the next body is written, and where those that are kept begin. */
  #writeAt = 0;
  #keptFrom = 0;
  #bytes = 0;

  /** @param hashing that of the keys */
  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number,
    hashing: HalfSipHash,
  ) {
    this.#index = new KeyIndex(hashing);
  }

  /** Adds one that has just ended, whose key is not here; there must be room. */
  push(key: RequestKey, { mark, note, body }: FinishedRequest, arrivedMs: number, finishedMs: number): void {
    if (this.#size === this.#capacity) this.#grow();
    const slot = this.#slotAt(this.#size++);
    this.#index.set(slot, key);
    this.#marks[slot] = mark;
    this.#notes[slot] = note;
    this.#arrivedMs[slot] = arrivedMs;
    this.#finishedMs[slot] = finishedMs;
    this.#bodyAt[slot] = NO_BODY;
    if (body !== undefined) this.#keepBody(slot, body);
  }

  has(key: RequestKey): boolean {
    return this.#index.find(key) >= 0;
  }

  get(key: RequestKey): FinishedRequest | undefined {
    const slot = this.#index.find(key);
    if (slot < 0) return undefined;
    return { mark: this.#marks[slot] as number, note: this.#notes[slot], body: this.#bodyOf(slot) };
  }

  /** Forgets the one that ended first. @returns when it had come; -Infinity when there is none */
  forgetFirst(): number {
    if (this.#size === 0) return -Infinity;
    if (this.#bodiless === 0) this.#evictBody();
    const slot = this.#first;
    this.#index.clear(slot);
    this.#notes[slot] = undefined;
    this.#first = this.#slotAt(1);
    this.#bodiless--;
    this.#size--;
    return this.#arrivedMs[slot] as number;
  }

  /** When the oldest ended; `Infinity` when there is none. */
  get firstEndedMs(): number {
    return this.#size === 0 ? Infinity : (this.#finishedMs[this.#first] as number);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param distance from the oldest request, up to the capacity */
  #slotAt(distance: number): number {
    // Positions that start again at 0 stay small integers: a remainder of large numbers takes 10 ns.
    const slot = this.#first + distance;
    return slot < this.#capacity ? slot : slot - this.#capacity;
  }

  #keepBody(slot: number, body: Uint8Array): void {
    const bytes = body.length;
    if (bytes > this.maxBytes) return;
    const at = this.#roomFor(bytes);
    this.#ring.set(body, at);
    this.#bodyAt[slot] = at;
    this.#bodyBytes[slot] = bytes;
    this.#writeAt = at + bytes;
    this.#bytes += bytes;
  }

  /** @returns where a body can be written in one piece: what is left at the end of the ring may be too little */
  #roomFor(bytes: number): number {
    for (;;) {
      const size = this.#ring.length;
      if (this.#bytes === 0) this.#writeAt = this.#keptFrom = 0;
      // What is kept lies in the middle, or all but the middle is kept.
      const isWrapped = this.#bytes > 0 && this.#writeAt <= this.#keptFrom;
      if (this.#writeAt + bytes <= (isWrapped ? this.#keptFrom : size)) return this.#writeAt;
      if (!isWrapped && bytes <= this.#keptFrom) return 0;
      if (size < this.maxBytes) this.#growRing(bytes);
      else this.#evictBody();
    }
  }

  /** Gives up the body of the oldest request that may have one. */
  #evictBody(): void {
    const slot = this.#slotAt(this.#bodiless++);
    const at = this.#bodyAt[slot] as number;
    if (at === NO_BODY) return;
    const bytes = this.#bodyBytes[slot] as number;
    this.#bodyAt[slot] = NO_BODY;
    // An empty one takes no room, and may lie where others have been written since.
    if (bytes === 0) return;
    this.#bytes -= bytes;
    this.#keptFrom = at + bytes;
  }

  #bodyOf(slot: number): Uint8Array | undefined {
    const at = this.#bodyAt[slot] as number;
    return at === NO_BODY ? undefined : this.#ring.slice(at, at + (this.#bodyBytes[slot] as number));
  }

  /**
   * A little room first, then all that there may be: to move thousands of entries would hold up the event loop. Those
   * that are here are put in order from slot 0 on.
   */
  #grow(): void {
    const capacity = this.#capacity === 0 ? Math.min(this.maxEntries, LEAST_ENTRIES) : this.maxEntries;
    const order = this.#inOrder();
    this.#index.resize(capacity, order);
    this.#marks = moved(this.#marks, new Uint8Array(capacity), order);
    this.#arrivedMs = moved(this.#arrivedMs, new Float64Array(capacity), order);
    this.#finishedMs = moved(this.#finishedMs, new Float64Array(capacity), order);
    this.#bodyAt = moved(this.#bodyAt, new Int32Array(capacity), order);
    this.#bodyBytes = moved(this.#bodyBytes, new Int32Array(capacity), order);
    this.#notes = order.map((slot) => this.#notes[slot]);
    this.#capacity = capacity;
    this.#first = 0;
  }

  /** More room for bodies; those that are here move to its beginning. */
  #growRing(bytes: number): void {
    // Memory that nobody has written to yet costs nothing.
    const isFirst = this.#ring.length === 0 && bytes <= LEAST_BYTES;
    const ring = new Uint8Array(isFirst ? Math.min(this.maxBytes, LEAST_BYTES) : this.maxBytes);
    let written = 0;
    for (const slot of this.#inOrder()) {
      const body = this.#bodyOf(slot);
      if (body === undefined) continue;
      ring.set(body, written);
      this.#bodyAt[slot] = written;
      written += body.length;
    }
    this.#ring = ring;
    this.#writeAt = written;
    this.#keptFrom = 0;
  }

  /** Slots that are taken, the oldest request first. */
  #inOrder(): number[] {
    return Array.from({ length: this.#size }, (_, index) => this.#slotAt(index));
  }
}

function moved<A extends Int32Array | Uint8Array | Float64Array>(
  from: A,
  to: A,
  order: readonly number[],
): A {
  order.forEach((slot, index) => (to[index] = from[slot] as number));
  return to;
}

const NO_BODY = -1;

const LEAST_ENTRIES = 256;

const LEAST_BYTES = 65_536;
