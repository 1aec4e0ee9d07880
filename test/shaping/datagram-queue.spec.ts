import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DatagramQueue } from '../../src/shaping/datagram-queue.js';
import { seed } from '../property/seed.js';

describe('DatagramQueue', () => {
  it('is empty at first', () => {
    const queue = new DatagramQueue();
    expect([queue.length, queue.bytes, queue.peek(), queue.shift()]).toEqual([0, 0, undefined, undefined]);
  });

  it('gives back first what came first, and notes when each came', () => {
    const queue = new DatagramQueue<ReturnType<typeof datagram>>();
    for (const [nowMs, id] of [
      [10, 1],
      [11, 2],
      [12, 3],
    ] as const)
      queue.push(datagram(id), nowMs);
    expect(queue.peek()).toEqual({ id: 1, bytes: 1, queuedAtMs: 10 });
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
      { id: 1, bytes: 1, queuedAtMs: 10 },
      { id: 2, bytes: 2, queuedAtMs: 11 },
      { id: 3, bytes: 3, queuedAtMs: 12 },
      undefined,
    ]);
  });

  it('looks at the head without taking it', () => {
    const queue = new DatagramQueue<ReturnType<typeof datagram>>();
    queue.push(datagram(7), 0);
    queue.peek();
    expect([queue.length, queue.bytes, queue.peek()?.id]).toEqual([1, 7, 7]);
  });

  // The ring has 16 slots at first; a head that is not at its start must come along when it grows.
  it.each([0, 1, 7, 15, 16, 17])('keeps order and bytes when it grows with its head at place %i', (place) => {
    const queue = new DatagramQueue<ReturnType<typeof datagram>>();
    for (let id = 0; id < place; id++) queue.push(datagram(id), 0);
    for (let id = 0; id < place; id++) queue.shift();
    const ids = Array.from({ length: 1000 }, (_, id) => id);
    for (const id of ids) queue.push(datagram(id), 0);
    expect([queue.length, queue.bytes]).toEqual([1000, 499_500]);
    expect(ids.map(() => queue.shift()?.id)).toEqual(ids);
    expect([queue.length, queue.bytes, queue.peek()]).toEqual([0, 0, undefined]);
  });

  it('works on after a burst large enough to give its memory back', () => {
    const queue = new DatagramQueue<ReturnType<typeof datagram>>();
    for (let id = 0; id < 10_000; id++) queue.push(datagram(id), 0);
    for (let id = 0; id < 10_000; id++) expect(queue.shift()?.id).toBe(id);
    for (let id = 0; id < 40; id++) queue.push(datagram(id), 0);
    for (let id = 0; id < 40; id++) expect(queue.shift()?.id).toBe(id);
    expect([queue.length, queue.bytes]).toEqual([0, 0]);
  });

  it('holds exactly 0 bytes when empty, whatever fractions went through', () => {
    const queue = new DatagramQueue();
    for (const bytes of [0.1, 0.2, 0.3]) queue.push({ bytes, queuedAtMs: 0 }, 0);
    while (queue.shift() !== undefined);
    expect(queue.bytes).toBe(0);
  });

  it(`behaves as an array does (seed ${seed})`, () => {
    // Runs of pushes and shifts, long enough to grow the ring and to wrap around it.
    const runs = fc.array(fc.integer({ min: -60, max: 60 }), { maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(runs, (runs) => {
        const queue = new DatagramQueue<ReturnType<typeof datagram>>();
        const model: ReturnType<typeof datagram>[] = [];
        let id = 0;
        for (const run of runs) {
          for (let push = 0; push < run; push++) {
            const item = datagram(id++);
            queue.push(item, id);
            model.push(item);
          }
          for (let shift = 0; shift > run; shift--) expect(queue.shift()).toBe(model.shift());
          expect(queue.peek()).toBe(model[0]);
          expect(queue.length).toBe(model.length);
          expect(queue.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0));
        }
      }),
      { seed },
    );
  });
});

function datagram(id: number): { id: number; bytes: number; queuedAtMs: number } {
  return { id, bytes: id, queuedAtMs: -1 };
}
