import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../src/testing/seeded-random.js';

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed', () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 100 }, () => random.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('gives the numbers of mulberry32', () => {
    const random = new SeededRandom(1);
    const words = Array.from({ length: 3 }, () => random.next() * 2 ** 32);
    expect(words).toEqual([2_693_262_067, 11_749_833, 2_265_367_787]);
  });

  it('picks a seed of its own and tells it', () => {
    const random = new SeededRandom();
    const again = new SeededRandom(random.seed);
    expect(again.next()).toBe(random.next());
  });

  it('spreads evenly over a range', () => {
    const random = new SeededRandom(3);
    const counts = [0, 0, 0, 0];
    for (let draw = 0; draw < 40_000; draw++) counts[random.below(4)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });

  it.each([
    [0, 0],
    [0.25, 2500],
    [1, 10_000],
  ])('a chance of %p comes true about %p times in 10000', (probability, expected) => {
    const random = new SeededRandom(5);
    let hits = 0;
    for (let draw = 0; draw < 10_000; draw++) if (random.chance(probability)) hits++;
    expect(Math.abs(hits - expected)).toBeLessThan(expected % 10_000 === 0 ? 1 : 200);
  });
});
