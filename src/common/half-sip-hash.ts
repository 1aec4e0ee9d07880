/**
 * HalfSipHash-1-3, a keyed hash of 32 bits, of four words (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input
 * PRF", 2012; the half is what Linux keys its tables with). A hash that is only begun with a random number does not do:
 * of several such ones, words can be found that meet whatever that number is.
 */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;

  /** @param k0 half of the key: 32 bits, random where nobody may know it @param k1 the other half */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** @returns 32 bits, signed, of the four words from an index on */
  of(words: Uint32Array, from: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    // Four words, the word that says how many bytes these are, and three rounds to end with.
    for (let round = 0; round < ROUNDS; round++) {
      const word = round < WORDS ? (words[from + round] as number) : round === WORDS ? LENGTH : 0;
      v3 ^= word;
      if (round === WORDS + 1) v2 ^= 0xff;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}

const WORDS = 4;
const LENGTH = (4 * WORDS) << 24;
const ROUNDS = WORDS + 1 + 3;
