import { describe, expect, it } from '@jest/globals';
import { hasControl, isLikelyPlain } from '../../src/codec/plain-text.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

describe('plain text', () => {
  /** As the codec asks: of a text, and of its bytes somewhere in others. */
  const isPlain = (text: string, before = 0): boolean => {
    const bytes = Buffer.from(text);
    const arena = Buffer.alloc(before + bytes.length + 8);
    bytes.copy(arena, before);
    return isLikelyPlain(text) && !hasControl(arena, before, before + bytes.length);
  };

  it('is what JSON writes as it is, for each character and each half of one', () => {
    for (let code = 0; code <= 0xffff; code++) {
      const text = `ab${String.fromCharCode(code)}c`;
      const plain = JSON.stringify(text) === `"${text}"`;
      if (isPlain(text) !== plain) throw new Error(`character ${code.toString(16)} is taken for ${!plain}`);
    }
  });

  it('has whole surrogate pairs, and none in the wrong order', () => {
    expect(
      ['\u{1f980}', '\ud83e', '\udd80', '\udd80\ud83e', 'x\u{1f980}y'].map((text) => isPlain(text)),
    ).toEqual([true, false, false, false, true]);
  });

  it.each([0, 1, 2, 3])('has a control character wherever that stands, %i bytes behind a word', (before) => {
    for (let length = 0; length < 44; length++) {
      const text = 'x'.repeat(length);
      expect(isPlain(text, before)).toBe(true);
      for (let at = 0; at < length; at++) {
        expect(isPlain(`${text.slice(0, at)}\u001f${text.slice(at + 1)}`, before)).toBe(false);
      }
    }
  });

  it('is not judged by what stands before and behind it', () => {
    const bytes = Buffer.from('\u0001\u0002abcdefghi\u0003');
    expect(hasControl(bytes, 2, bytes.length - 1)).toBe(false);
    expect([hasControl(bytes, 1, bytes.length - 1), hasControl(bytes, 2, bytes.length)]).toEqual([
      true,
      true,
    ]);
  });

  it('is told of random texts as JSON tells', () => {
    const random = new SeededRandom();
    const ranges = [0x20, 0x7f, 0x100, 0x800, 0xd900, 0x10000];
    for (let run = 0; run < 2000; run++) {
      const top = ranges[random.below(ranges.length)] as number;
      const codes = Array.from({ length: random.below(40) }, () => 0x18 + random.below(top - 0x18));
      const text = String.fromCharCode(...codes);
      const plain = JSON.stringify(text) === `"${text}"`;
      if (isPlain(text, random.below(4)) !== plain) {
        throw new Error(`${JSON.stringify(text)} is taken for ${!plain} (seed ${random.seed})`);
      }
    }
  });
});
