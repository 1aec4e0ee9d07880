import { describe, expect, it } from '@jest/globals';
import { Portion } from '../../src/endpoint/portion.js';

describe('Portion', () => {
  it('begins small, and grows where a datagram takes little', () => {
    const portion = new Portion();
    expect(portion.sizeIn(64)).toBe(4);
    portion.took(0.2, 4);
    expect(portion.sizeIn(64)).toBe(20);
    portion.took(0.1, 20);
    expect(portion.sizeIn(64)).toBe(32);
  });

  it('is as large as may be where the clock has not moved', () => {
    const portion = new Portion();
    portion.took(0, 4);
    expect(portion.sizeIn(64)).toBe(32);
  });

  it('shrinks to what fits into a millisecond, and to no less than a few', () => {
    const portion = new Portion();
    portion.took(4, 32);
    expect(portion.sizeIn(64)).toBe(8);
    portion.took(1.5, 8);
    expect(portion.sizeIn(64)).toBe(5);
    portion.took(64, 32);
    expect(portion.sizeIn(64)).toBe(4);
  });

  it('is a half of the batch at the most', () => {
    const portion = new Portion();
    portion.took(0, 4);
    expect([1, 4, 9, 32, 33, 64].map((batch) => portion.sizeIn(batch))).toEqual([4, 4, 5, 16, 17, 32]);
  });
});
