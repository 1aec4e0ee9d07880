import { describe, expect, it } from '@jest/globals';
import { HalfSipHash } from '../../src/common/half-sip-hash.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

describe('HalfSipHash', () => {
  it('gives what the test of the Linux kernel expects of 16 bytes (lib/tests/siphash_kunit.c)', () => {
    const words = new Uint32Array(Uint8Array.from({ length: 16 }, (_, index) => index).buffer);
    const hash = new HalfSipHash(0x03020100, 0x07060504).of(words, 0);
    expect((hash >>> 0).toString(16)).toBe('8b31d501');
  });

  it('reads the words from where it is told to', () => {
    const hashing = new HalfSipHash(1, 2);
    expect(hashing.of(Uint32Array.of(9, 9, 1, 2, 3, 0xffffffff, 9), 2)).toBe(
      hashing.of(Uint32Array.of(1, 2, 3, 0xffffffff), 0),
    );
  });

  it('carries no change of the highest bits on as it is, for the next word to undo it', () => {
    const random = new SeededRandom();
    for (let key = 0; key < 20; key++) {
      const hashing = new HalfSipHash(random.below(2 ** 32), random.below(2 ** 32));
      const first = Array.from({ length: 4 }, () => random.below(2 ** 32));
      const hashes = [0, 1, 2, 3, 4, 5, 6, 7].map((changes) => {
        const words = Uint32Array.from(first);
        for (const at of [0, 1, 2].filter((bit) => (changes & (1 << bit)) !== 0)) {
          words[at]! ^= 0x8000_0000;
          words[at + 1]! ^= 0x8001_0000;
        }
        return hashing.of(words, 0);
      });
      expect(new Set(hashes).size).toBe(8);
    }
  });
});
