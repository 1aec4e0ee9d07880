import { describe, expect, it } from '@jest/globals';
import { HalfSipHash } from '../../src/common/half-sip-hash.js';
import { hashWords, hexWords, RequestKey } from '../../src/exchange/request-key.js';

describe('words of a request', () => {
  it.each([
    ['0123456789abcdef', 'fedcba9876543210', [0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210]],
    ['f'.repeat(16), 'f'.repeat(16), [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]],
    ['0'.repeat(16), '0'.repeat(16), [0, 0, 0, 0]],
  ])('of %s and %s are their digits', (client, id, expected) => {
    const words = new Uint32Array(4);
    hexWords(client, id, words);
    expect([...words]).toEqual(expected);
  });

  it('of any texts are four hashes, other ones for each seed', () => {
    const [a, b] = [new Uint32Array(4), new Uint32Array(4)];
    hashWords([1, 2, 3, 4])('10.0.0.1:9', 'string 1', a);
    hashWords([1, 2, 3, 4])('10.0.0.1:9', 'number 1', b);
    expect(new Set([...a, ...b]).size).toBe(8);
  });
});

describe('RequestKey', () => {
  it('is that of the request that it was made of last', () => {
    const key = new RequestKey(HASHING, hexWords);
    const [a, b, c] = ['a'.repeat(16), 'b'.repeat(16), 'c'.repeat(16)];
    const seen = [
      [a, b],
      [a, b],
      [c, b],
      [a, b],
      [a, c],
      [a, b],
    ].map(([client, id]) => {
      const { words, hash } = key.of(client!, id!);
      return { words: [...words], hash };
    });
    const fresh = new RequestKey(HASHING, hexWords).of(a, b);
    const expected = { words: [...fresh.words], hash: fresh.hash };
    expect([seen[0], seen[1], seen[3], seen[5]]).toEqual([expected, expected, expected, expected]);
    expect(new Set(seen.map(({ hash }) => hash)).size).toBe(3);
  });

  it('is the same whether made of names or of words, and forgets the names then', () => {
    const names = new RequestKey(HASHING, hexWords).of('1'.repeat(16), '2'.repeat(16));
    const words = new RequestKey(HASHING, hexWords);
    const { hash: other } = words.of('3'.repeat(16), '4'.repeat(16));
    expect(words.ofWords(Uint32Array.of(9, ...names.words), 1)).toMatchObject({
      words: names.words,
      hash: names.hash,
    });
    expect(words.of('3'.repeat(16), '4'.repeat(16)).hash).toBe(other);
  });

  it('has a hash from the beginning, also where there are no names', () => {
    expect(new RequestKey(HASHING, hexWords).of('', '').hash).toBe(
      new RequestKey(HASHING, hexWords).ofWords(new Uint32Array(4), 0).hash,
    );
  });
});

const HASHING = new HalfSipHash(5, 6);
