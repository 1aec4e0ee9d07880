import { randomInt } from 'node:crypto';

/** Numbers that look random and are the same for the same seed. */
export class SeededRandom {
  /** A whole number from 0 to 2^32 - 1: print it, and the run can be repeated. */
  readonly seed: number;
  #state: number;

  /** @param seed picked at random when missing */
  constructor(seed: number = randomInt(2 ** 32)) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /**
   * The next number, 0 included, 1 excluded.
   *
   * @see Mulberry32 by Tommy Ettinger: 32 bits of state, passes gjrand; good for tests, not for secrets
   */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `end - 1`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** True with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
