import { describe, expect, it } from '@jest/globals';
import { HalfSipHash } from '../../src/common/half-sip-hash.js';
import { KeyIndex } from '../../src/exchange/key-index.js';
import { hexWords, RequestKey } from '../../src/exchange/request-key.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

describe('KeyIndex', () => {
  it('tells keys apart, also the few of many whose hashes are the same', () => {
    const random = new SeededRandom();
    const hashing = new HalfSipHash(random.below(2 ** 32), random.below(2 ** 32));
    const keyOf = (): RequestKey => {
      const words = Uint32Array.from({ length: 4 }, () => random.below(2 ** 32));
      return new RequestKey(hashing, hexWords).ofWords(words, 0);
    };
    const index = new KeyIndex();
    index.resize(KEYS, []);
    const keys = Array.from({ length: KEYS }, keyOf);
    keys.forEach((key, slot) => index.set(slot, key));
    expect(keys.filter((key, slot) => index.find(key) !== slot)).toEqual([]);
    // What a slot tells of its key, its hash among it, finds that slot again.
    const told = keyOf();
    const findsItself = (slot: number): boolean => {
      index.read(slot, told);
      return index.find(told) === slot;
    };
    expect(keys.findIndex((_, slot) => !findsItself(slot))).toBe(-1);
    // Of so many that are not here, about twenty have the hash of one that is.
    const strangers = Array.from({ length: KEYS }, keyOf);
    expect(strangers.filter((key) => index.find(key) !== -1)).toEqual([]);
  });
});

const KEYS = 300_000;
