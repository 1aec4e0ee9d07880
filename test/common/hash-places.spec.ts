import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { HashPlaces } from '../../src/common/hash-places.js';

describe('HashPlaces', () => {
  it('has nothing before there is room', () => {
    expect([new HashPlaces().first(0), new HashPlaces().first(-5)]).toEqual([-1, -1]);
  });

  it('finds all numbers of a hash, whoever comes and goes, and no other ones', () => {
    // Few hashes, of which many share a place, and some are the same.
    const all = [0, 1, 2, 16, 17, 32, -1, -16, -(2 ** 31), 2 ** 31 - 1];
    const hash = fc.constantFrom(...all);
    const script = fc.array(fc.record({ number: fc.nat({ max: 15 }), hash }), { maxLength: 200 });
    fc.assert(
      fc.property(script, (steps) => {
        const places = new HashPlaces();
        places.clear(16);
        const hashes = new Map<number, number>();
        for (const { number, hash } of steps) {
          const former = hashes.get(number);
          if (former === undefined) {
            places.put(number, hash);
            hashes.set(number, hash);
          } else {
            places.remove(number, former);
            hashes.delete(number);
          }
          const found = all.flatMap((each) => numbersOf(places, each).map((no) => [no, each] as const));
          expect([found.length, new Map(found)]).toEqual([hashes.size, hashes]);
        }
      }),
    );
  });

  it('is empty when it is cleared, with room for more', () => {
    const places = new HashPlaces();
    places.clear(1);
    places.put(0, 7);
    places.clear(100);
    expect(numbersOf(places, 7)).toEqual([]);
    for (let number = 0; number < 100; number++) places.put(number, 7);
    expect(numbersOf(places, 7)).toHaveLength(100);
    expect(numbersOf(places, 8)).toEqual([]);
  });
});

function numbersOf(places: HashPlaces, hash: number): number[] {
  const numbers: number[] = [];
  for (let place = places.first(hash); place >= 0; place = places.next(place, hash)) {
    numbers.push(places.numberAt(place));
  }
  return numbers;
}
