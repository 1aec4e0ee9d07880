import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BinaryHeap } from '../../src/common/binary-heap.js';
import { seed } from '../property/seed.js';

describe('BinaryHeap', () => {
  it('is empty at first', () => {
    const heap = create();
    expect([heap.size, heap.peek(), heap.pop()]).toEqual([0, undefined, undefined]);
  });

  it('gives the smallest first', () => {
    const heap = create();
    for (const key of [5, 3, 8, 1, 9, 2, 7]) heap.push(entry(key));
    expect(heap.peek()?.key).toBe(1);
    expect(drain(heap)).toEqual([1, 2, 3, 5, 7, 8, 9]);
  });

  it('keeps each entry’s place up to date, and -1 outside', () => {
    const heap = create();
    const [a, b] = [entry(2), entry(1)];
    heap.push(a);
    expect(a.heapIndex).toBe(0);
    heap.push(b);
    expect([a.heapIndex, b.heapIndex]).toEqual([1, 0]);
    heap.pop();
    expect([a.heapIndex, b.heapIndex]).toEqual([0, -1]);
  });

  it('leaves alone what is not inside', () => {
    const heap = create();
    const [inside, gone] = [entry(1), entry(1)];
    heap.push(inside);
    heap.push(gone);
    heap.remove(gone);
    heap.remove(gone);
    heap.remove(entry(1));
    expect([heap.size, heap.peek()]).toEqual([1, inside]);
  });

  it('takes an entry back that it gave out', () => {
    const heap = create();
    const again = entry(1);
    heap.push(again);
    heap.pop();
    again.key = 3;
    heap.push(again);
    heap.push(entry(2));
    expect(drain(heap)).toEqual([2, 3]);
  });

  // In [1, 10, 2, 11, 12, 3], 3 takes the place of 11 and must rise above 10.
  it('lets the entry that fills a gap rise as well as sink', () => {
    const heap = create();
    const entries = [1, 10, 2, 11, 12, 3].map(entry);
    for (const each of entries) heap.push(each);
    heap.remove(entries[3] as Entry);
    expect(drain(heap)).toEqual([1, 2, 3, 10, 12]);
  });

  it(`behaves as a sorted array does, entries leaving from anywhere (seed ${seed})`, () => {
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('push' as const), key: fc.integer({ min: 0, max: 50 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('pop' as const), key: fc.constant(0) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), key: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200, size: 'max' }), (actions) => {
        const heap = create();
        const model: Entry[] = [];
        for (const action of actions) {
          if (action.do === 'push') {
            const added = entry(action.key);
            heap.push(added);
            model.push(added);
          } else if (action.do === 'remove' && model.length > 0) {
            const [removed] = model.splice(action.key % model.length, 1) as [Entry];
            heap.remove(removed);
            expect(removed.heapIndex).toBe(-1);
          } else if (action.do === 'pop') {
            const popped = heap.pop();
            expect(popped?.key).toBe(smallest(model));
            if (popped !== undefined) model.splice(model.indexOf(popped), 1);
          }
          expect([heap.size, heap.peek()?.key]).toEqual([model.length, smallest(model)]);
          const places = model.map(({ heapIndex }) => heapIndex).sort((a, b) => a - b);
          expect(places).toEqual(model.map((_, index) => index));
        }
        expect(drain(heap)).toEqual(model.map(({ key }) => key).sort((a, b) => a - b));
      }),
      { seed, numRuns: 200 },
    );
  });
});

describe('BinaryHeap.update', () => {
  it(`puts an entry right whose key has changed (seed ${seed})`, () => {
    const change = fc.record({ index: fc.nat(19), key: fc.integer({ min: -50, max: 50 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 50 }), (changes) => {
        const heap = create();
        const entries = Array.from({ length: 20 }, (_, key) => entry(key));
        for (const each of entries) heap.push(each);
        for (const { index, key } of changes) {
          entries[index]!.key = key;
          heap.update(entries[index]!);
          expect(heap.peek()?.key).toBe(smallest(entries));
        }
        expect(drain(heap)).toEqual(entries.map(({ key }) => key).sort((a, b) => a - b));
      }),
      { seed, numRuns: 200 },
    );
  });

  it('leaves an entry alone that is not inside', () => {
    const heap = create();
    heap.push(entry(1));
    const outside = entry(0);
    heap.update(outside);
    expect([heap.size, outside.heapIndex]).toEqual([1, -1]);
  });
});

interface Entry {
  key: number;
  heapIndex: number;
}

function create(): BinaryHeap<Entry> {
  return new BinaryHeap<Entry>((a, b) => a.key < b.key);
}

function entry(key: number): Entry {
  return { key, heapIndex: -1 };
}

function drain(heap: BinaryHeap<Entry>): number[] {
  const keys: number[] = [];
  for (let first = heap.pop(); first !== undefined; first = heap.pop()) keys.push(first.key);
  return keys;
}

function smallest(entries: readonly Entry[]): number | undefined {
  return entries.length === 0 ? undefined : Math.min(...entries.map(({ key }) => key));
}
