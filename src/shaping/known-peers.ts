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
  /**
   * By fingerprint, two words for each place: number + 1, or 0; and 32 bits of the fingerprint. At least twice as many
   * places as rows.
   */
  #places = new Int32Array(4 * FIRST_ROWS);
  /** Number of the last place: one less than a power of 2. */
  #mask = 2 * FIRST_ROWS - 1;

  /** @param seed 32 random bits, so that nobody can choose who shares a limit */
  constructor(private readonly seed: number) {}

  /** @returns the number of a peer; -1 when it is not remembered */
  find(key: string): number {
    return this.#find(this.#fingerprintOf(key));
  }

  /** @returns the number of the new peer, whose key is not here: it may be one that was {@link remove}d */
  add(key: string, weight: number, limit: Limit): number {
    const number = this.#free.pop() ?? this.#given++;
    if (this.#given * COLUMNS > this.#rows.length) this.#grow();
    this.#rows[number * COLUMNS + FINGERPRINT] = this.#fingerprintOf(key);
    if (weight !== 1) this.#weights.set(number, weight);
    this.store(number, limit);
    this.#insert(number);
    return number;
  }

  remove(number: number): void {
    this.#takeOut(number);
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
    return this.#rows[number * COLUMNS + FINGERPRINT] !== NONE;
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

  #find(fingerprint: number): number {
    const places = this.#places;
    const word = fingerprint | 0;
    for (let at = word & this.#mask; ; at = (at + 1) & this.#mask) {
      const number = (places[2 * at] as number) - 1;
      if (number < 0) return -1;
      const isIt = places[2 * at + 1] === word && this.#rows[number * COLUMNS + FINGERPRINT] === fingerprint;
      if (isIt) return number;
    }
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

  #insert(number: number): void {
    const word = (this.#rows[number * COLUMNS + FINGERPRINT] as number) | 0;
    let at = word & this.#mask;
    while (this.#places[2 * at] !== 0) at = (at + 1) & this.#mask;
    this.#places[2 * at] = number + 1;
    this.#places[2 * at + 1] = word;
  }

  #takeOut(number: number): void {
    const places = this.#places;
    const mask = this.#mask;
    let hole = (this.#rows[number * COLUMNS + FINGERPRINT] as number) & mask;
    while (places[2 * hole] !== number + 1) hole = (hole + 1) & mask;
    // Moves up those behind it that would not be found any more.
    for (let next = (hole + 1) & mask; places[2 * next] !== 0; next = (next + 1) & mask) {
      const home = (places[2 * next + 1] as number) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      places[2 * hole] = places[2 * next] as number;
      places[2 * hole + 1] = places[2 * next + 1] as number;
      hole = next;
    }
    places[2 * hole] = 0;
  }

  #grow(): void {
    const rows = new Float64Array(2 * this.#rows.length);
    rows.set(this.#rows);
    const present = rows.length / COLUMNS / 2;
    this.#rows = rows;
    this.#places = new Int32Array(2 * this.#places.length);
    this.#mask = this.#places.length / 2 - 1;
    // It grows when no number is free.
    for (let number = 0; number < present; number++) this.#insert(number);
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
