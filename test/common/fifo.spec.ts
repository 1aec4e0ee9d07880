import { describe, expect, it } from '@jest/globals';
import { Fifo } from '../../src/common/fifo.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

describe('Fifo', () => {
  it('is empty at first', () => {
    const fifo = new Fifo<number>();
    expect([fifo.length, fifo.peek(), fifo.shift()]).toEqual([0, undefined, undefined]);
  });

  it('behaves as an array does', () => {
    const random = new SeededRandom();
    const fifo = new Fifo<number>();
    const model: number[] = [];
    for (let step = 0; step < 20_000; step++) {
      if (random.chance(step % 2000 < 1000 ? 0.6 : 0.4)) {
        fifo.push(step);
        model.push(step);
      } else expect(fifo.shift()).toBe(model.shift());
      expect([random.seed, fifo.length, fifo.peek()]).toEqual([random.seed, model.length, model[0]]);
    }
  });
});
