import { describe, expect, it } from '@jest/globals';
import { hashWords, hexWords } from '../../src/exchange/key-words.js';

describe('words of a key', () => {
  it.each([
    ['0123456789abcdeffedcba9876543210', [0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210]],
    ['f'.repeat(32), [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]],
    ['0'.repeat(32), [0, 0, 0, 0]],
  ])('of %s are its digits', (key, expected) => {
    const words = new Uint32Array(4);
    hexWords(key, words);
    expect([...words]).toEqual(expected);
  });

  it('of any text are four hashes, other ones for each seed', () => {
    const [a, b] = [new Uint32Array(4), new Uint32Array(4)];
    hashWords([1, 2, 3, 4])('10.0.0.1:9 string 1', a);
    hashWords([1, 2, 3, 4])('10.0.0.1:9 number 1', b);
    expect(new Set([...a, ...b]).size).toBe(8);
  });
});
