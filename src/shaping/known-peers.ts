import { HashPlaces } from '../common/hash-places.js';
import type { Limit } from './limit.js';

/**
 * The peers that are remembered, by number: a row of figures each, found by a fingerprint of the key.
 *
 * A table of objects and texts costs a miss of the processor's cache for each of them on the way to a bucket, and of a
 * large service most peers are not in the cache: with 100,000 of them a quarter of a request. Here it is two misses.
 *
 * A fingerprint has 53 bits: among 65,536 peers, two share a limit in one of four million tables.
 */
export class KnownPeers {
  /** {@link COLUMNS} for each number. */
  #rows = new Float64Array(FIRST_ROWS * COLUMNS);
  /** Numbers that were ever given. */
  #given = 0;
  readonly #free: number[] = [];
  /** Of those that do not weigh 1. */
  readonly #weights = new Map<number, number>();
  /** Numbers by 32 bits of their fingerprints. */
  readonly #places = new HashPlaces();

  /** @param seed 32 random bits, so that nobody can choose who shares a limit */
  constructor(private readonly seed: number) {
    this.#places.clear(FIRST_ROWS);
  }

  /** @returns the number of a peer; -1 when it is not remembered */
  find(key: string): number {
    const fingerprint = this.#fingerprintOf(key);
    const hash = fingerprint | 0;
    for (let place = this.#places.first(hash); place >= 0; place = this.#places.next(place, hash)) {
      const number = this.#places.numberAt(place);
      if (this.#fingerprintAt(number) === fingerprint) return number;
    }
    return -1;
  }

  /** @returns the number of the new peer, whose key is not here: it may be one that was {@link remove}d */
  add(key: string, weight: number, limit: Limit): number {
    const number = this.#free.pop() ?? this.#given++;
    if (this.#given * COLUMNS > this.#rows.length) this.#grow();
    this.#rows[number * COLUMNS + FINGERPRINT] = this.#fingerprintOf(key);
    if (weight !== 1) this.#weights.set(number, weight);
    this.store(number, limit);
    this.#put(number);
    return number;
  }

  remove(number: number): void {
    this.#places.remove(number, this.#fingerprintAt(number) | 0);
    this.#rows[number * COLUMNS + FINGERPRINT] = NONE;
    this.#weights.delete(number);
    this.#free.push(number);
  }

  get size(): number {
    return this.#given - this.#free.length;
  }

  /** All numbers are below it; some of them may be free. */
  get end(): number {
    return this.#given;
  }

  has(number: number): boolean {
    return this.#fingerprintAt(number) !== NONE;
  }

  weightOf(number: number): number {
    return this.#weights.get(number) ?? 1;
  }

  /** Makes a limit of the same bandwidth what the peer's is. */
  load(number: number, limit: Limit): void {
    const at = number * COLUMNS;
    const rows = this.#rows;
    limit.restore(
      rows[at + TOKENS] as number,
      rows[at + PEAK_TOKENS] as number,
      rows[at + ASKED_MS] as number,
    );
  }

  /** Keeps what a limit has come to. */
  store(number: number, limit: Limit): void {
    const at = number * COLUMNS;
    this.#rows[at + TOKENS] = limit.lastTokens;
    this.#rows[at + PEAK_TOKENS] = limit.lastPeakTokens;
    this.#rows[at + ASKED_MS] = limit.lastAskedMs;
  }

  /** When the limit was last asked, monotonic milliseconds. */
  askedMs(number: number): number {
    return this.#rows[number * COLUMNS + ASKED_MS] as number;
  }

  #fingerprintAt(number: number): number {
    return this.#rows[number * COLUMNS + FINGERPRINT] as number;
  }

  /** Two of FNV-1a in one pass, 32 bits of one and 21 of the other. */
  #fingerprintOf(key: string): number {
    let low = this.seed;
    let high = ~this.seed;
    for (let at = 0; at < key.length; at++) {
      const code = key.charCodeAt(at);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x9e3779b1);
    }
    low ^= low >>> 15;
    return (low >>> 0) + (high >>> HIGH_SHIFT) * 2 ** 32;
  }

  #put(number: number): void {
    this.#places.put(number, this.#fingerprintAt(number) | 0);
  }

  #grow(): void {
    const rows = new Float64Array(2 * this.#rows.length);
    rows.set(this.#rows);
    const present = this.#rows.length / COLUMNS;
    this.#rows = rows;
    this.#places.clear(2 * present);
    // It grows when no number is free.
    for (let number = 0; number < present; number++) this.#put(number);
  }
}

const FIRST_ROWS = 16;

// Two rows to a line of the cache.
const COLUMNS = 4;
const TOKENS = 0;
const PEAK_TOKENS = 1;
const ASKED_MS = 2;
const FINGERPRINT = 3;

/** Of a number that is free. */
const NONE = -1;

// What is left of 32 bits beside the other 32 in the 53 of a number.
const HIGH_SHIFT = 11;
