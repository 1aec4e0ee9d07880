import { KeyIndex } from './key-index.js';
import type { RequestKey } from './request-key.js';

/** What is left of a request that was answered. */
export interface FinishedRequest {
  /** How it ended, in its owner's words: 0 to 255. */
  readonly mark: number;
  /** Its owner's, kept as it is. Of few kinds: each of them is kept for good. */
  readonly note: unknown;
  /** A copy of its reply; `undefined` when there was none, or it was evicted. */
  readonly body: Uint8Array | undefined;
}

/**
 * Requests that are over, in the order in which they ended: their keys, and their replies for as long as there is
 * room. Bodies are evicted before keys, the oldest first.
 *
 * In numbers, and one ring of bytes: tens of thousands of objects that live for a minute each would cost the garbage
 * collector more than all else that is done for a request. Row by row: where each column lay in memory of its own, the
 * store cost half as much again, 2 % of a request of the batch driver.
 */
export class FinishedRequests {
  readonly #index = new KeyIndex(WIDTH);
  /** The times among the {@link KeyIndex.rows}. */
  #times = new Float64Array(0);
  readonly #notes = new Kinds();
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

  /** @param maxBytes of bodies: a whole number, up to 2 GiB */
  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number,
  ) {}

  /** Adds one that has just ended, whose key is not here; there must be room. */
  push(key: RequestKey, { mark, note, body }: FinishedRequest, arrivedMs: number, finishedMs: number): void {
    if (this.#size === this.#capacity) this.#grow();
    const slot = this.#slotAt(this.#size++);
    this.#index.set(slot, key);
    this.#times[TIMES * slot + ARRIVED] = arrivedMs;
    this.#times[TIMES * slot + FINISHED] = finishedMs;
    this.#write(slot, KIND, 256 * this.#notes.numberOf(note) + mark);
    this.#write(slot, BODY_AT, NO_BODY);
    if (body !== undefined) this.#keepBody(slot, body);
  }

  has(key: RequestKey): boolean {
    return this.#index.find(key) >= 0;
  }

  get(key: RequestKey): FinishedRequest | undefined {
    const slot = this.#index.find(key);
    if (slot < 0) return undefined;
    const kind = this.#read(slot, KIND);
    return { mark: kind % 256, note: this.#notes.at(Math.floor(kind / 256)), body: this.#bodyOf(slot) };
  }

  /** Forgets the one that ended first. @returns when it had come; -Infinity when there is none */
  forgetFirst(): number {
    if (this.#size === 0) return -Infinity;
    if (this.#bodiless === 0) this.#evictBody();
    const slot = this.#first;
    this.#index.clear(slot);
    this.#first = this.#slotAt(1);
    this.#bodiless--;
    this.#size--;
    return this.#times[TIMES * slot + ARRIVED] as number;
  }

  /** When the oldest ended; `Infinity` when there is none. */
  get firstEndedMs(): number {
    return this.#size === 0 ? Infinity : (this.#times[TIMES * this.#first + FINISHED] as number);
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
    this.#write(slot, BODY_AT, at);
    this.#write(slot, BODY_BYTES, bytes);
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
    const at = this.#read(slot, BODY_AT);
    if (at === NO_BODY) return;
    const bytes = this.#read(slot, BODY_BYTES);
    this.#write(slot, BODY_AT, NO_BODY);
    // An empty one takes no room, and may lie where others have been written since.
    if (bytes === 0) return;
    this.#bytes -= bytes;
    this.#keptFrom = at + bytes;
  }

  #bodyOf(slot: number): Uint8Array | undefined {
    const at = this.#read(slot, BODY_AT);
    return at === NO_BODY ? undefined : this.#ring.slice(at, at + this.#read(slot, BODY_BYTES));
  }

  #read(slot: number, column: number): number {
    return this.#index.rows[WIDTH * slot + column] as number;
  }

  #write(slot: number, column: number, value: number): void {
    this.#index.rows[WIDTH * slot + column] = value;
  }

  /**
   * A little room first, then all that there may be: to move thousands of entries would hold up the event loop. Those
   * that are here are put in order from slot 0 on.
   */
  #grow(): void {
    const capacity = this.#capacity === 0 ? Math.min(this.maxEntries, LEAST_ENTRIES) : this.maxEntries;
    this.#index.resize(capacity, this.#inOrder());
    this.#times = new Float64Array(this.#index.rows.buffer);
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
      this.#write(slot, BODY_AT, written);
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

/** Numbers for things that are the same ones again and again. */
class Kinds {
  readonly #things: unknown[] = [];
  readonly #numbers = new Map<unknown, number>();
  #latest: unknown;
  #latestNumber = -1;

  numberOf(thing: unknown): number {
    if (thing === this.#latest && this.#latestNumber >= 0) return this.#latestNumber;
    let number = this.#numbers.get(thing);
    if (number === undefined) {
      number = this.#things.push(thing) - 1;
      this.#numbers.set(thing, number);
    }
    this.#latest = thing;
    return (this.#latestNumber = number);
  }

  at(number: number): unknown {
    return this.#things[number];
  }
}

// What a row has, in words: behind the five of its key one word each, and two times of two words each.
const KIND = 5;
const BODY_AT = 6;
const BODY_BYTES = 7;
const WIDTH = 12;

// Times, in pairs of words.
const TIMES = WIDTH / 2;
const ARRIVED = 4;
const FINISHED = 5;

const NO_BODY = 2 ** 32 - 1;

const LEAST_ENTRIES = 256;

const LEAST_BYTES = 65_536;
