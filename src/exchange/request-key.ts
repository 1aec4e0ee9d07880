import type { HalfSipHash } from '../common/half-sip-hash.js';
import { hexAt } from '../common/hex.js';
import { hashOfText } from '../common/text-hash.js';

/** Writes the 128 bits of a request, by whose it is and which of theirs, into four words. */
export type WordsOf = (client: string, id: string, words: Uint32Array) => void;

/**
 * What a store knows a request by: 128 bits, and their hash. Of one request after the other, and made once for all that
 * is asked about it on end: that is 3 % of a request.
 */
export class RequestKey {
  readonly words = new Uint32Array(4);
  /** 32 bits, signed. */
  hash = 0;
  #client: string | undefined;
  #id: string | undefined;

  /** @param hashing with a key that nobody knows, or peers could choose requests that crowd one place */
  constructor(
    private readonly hashing: HalfSipHash,
    private readonly wordsOf: WordsOf,
  ) {}

  /** Becomes that of a request. */
  of(client: string, id: string): this {
    // Ids differ in their first digits, clients seldom.
    if (id === this.#id && client === this.#client) return this;
    this.#client = client;
    this.#id = id;
    this.wordsOf(client, id, this.words);
    this.hash = this.hashing.of(this.words, 0);
    return this;
  }

  /** Becomes that which four words are. @param hash theirs */
  ofWords(words: Uint32Array, from: number, hash = this.hashing.of(words, from)): this {
    this.#client = this.#id = undefined;
    // Not by set(), whose call costs more than four words.
    for (let word = 0; word < 4; word++) this.words[word] = words[from + word] as number;
    this.hash = hash;
    return this;
  }
}

/** Of two texts of 16 lower case hexadecimal digits: those themselves. */
export const hexWords: WordsOf = (client, id, words) => {
  words[0] = hexAt(client, 0, 8);
  words[1] = hexAt(client, 8, 8);
  words[2] = hexAt(id, 0, 8);
  words[3] = hexAt(id, 8, 8);
};

/** Of any other texts: four hashes. @param seeds four random words, so that nobody can look for keys that meet */
export function hashWords(seeds: readonly number[]): WordsOf {
  return (client, id, words) =>
    seeds.forEach((seed, index) => (words[index] = hashOfText(id, hashOfText(client, seed))));
}
