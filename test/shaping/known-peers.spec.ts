import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { UNLIMITED } from '../../src/shaping/bandwidth.options.js';
import { KnownPeers } from '../../src/shaping/known-peers.js';
import { Limit } from '../../src/shaping/limit.js';

const BANDWIDTH = { ...UNLIMITED, rateBytesPerSecond: 1000, burstBytes: 100 };

function owing(bytes: number, nowMs = 0): Limit {
  const limit = new Limit(BANDWIDTH, nowMs);
  limit.debit(bytes);
  return limit;
}

function owedBy(known: KnownPeers, number: number): number {
  const limit = owing(0);
  known.load(number, limit);
  return 100 - limit.lastTokens;
}

describe('KnownPeers', () => {
  it('finds what a map would find, whoever comes and goes', () => {
    const key = fc.nat({ max: 400 }).map((no) => `10.0.${no >> 4}.${no & 15}`);
    const step = fc.record({ key, isGoing: fc.boolean(), owed: fc.nat({ max: 1e6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), fc.nat(), (steps, seed) => {
        const known = new KnownPeers(seed);
        const model = new Map<string, number>();
        for (const { key, isGoing, owed } of steps) {
          const number = known.find(key);
          expect(number >= 0 && known.has(number)).toBe(model.has(key));
          if (isGoing && number >= 0) {
            known.remove(number);
            model.delete(key);
          } else if (!isGoing) {
            if (number < 0) known.add(key, 1, owing(owed));
            else known.store(number, owing(owed));
            model.set(key, owed);
          }
        }
        const found = [...model.keys()].map((key) => [key, owedBy(known, known.find(key))] as const);
        expect(new Map(found)).toEqual(model);
        expect([known.size, known.end <= 401]).toEqual([model.size, true]);
      }),
    );
  });

  it('keeps a hundred thousand apart, in any order of going', () => {
    const known = new KnownPeers(7);
    const keyOf = (no: number): string => `2001:db8::${no.toString(16)}`;
    for (let no = 0; no < 100_000; no++) known.add(keyOf(no), 1, owing(no));
    for (let no = 0; no < 100_000; no += 2) known.remove(known.find(keyOf(no)));
    let wrong = 0;
    for (let no = 0; no < 100_000; no++) {
      const number = known.find(keyOf(no));
      if (no % 2 === 0 ? number !== -1 : owedBy(known, number) !== no) wrong++;
    }
    expect([wrong, known.size, known.end]).toEqual([0, 50_000, 100_000]);
  });

  it('gives a number again that is free, with nothing of whoever had it', () => {
    const known = new KnownPeers(7);
    const first = known.add('a', 4, owing(30, 5));
    expect([known.weightOf(first), known.askedMs(first)]).toEqual([4, 5]);
    known.remove(first);
    expect([known.has(first), known.find('a')]).toEqual([false, -1]);
    const next = known.add('b', 1, owing(10, 6));
    expect([next, known.weightOf(next), known.askedMs(next), owedBy(known, next)]).toEqual([first, 1, 6, 10]);
  });
});
