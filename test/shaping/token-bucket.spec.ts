import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import { TokenBucket } from '../../src/shaping/token-bucket.js';
import { seed } from '../property/seed.js';

/** One call at an instant and what it answers. */
type Row = readonly [
  atMs: number,
  call: 'take' | 'delay' | 'behind' | 'debit' | 'limit' | 'pause' | 'resume' | 'tokens' | 'burst',
  argument?: number | readonly [queuedBytes: number, bytes: number] | Bandwidth,
  answer?: number | boolean,
];

type Case = { readonly name: string; readonly bandwidth: Bandwidth; readonly rows: readonly Row[] };

describe('TokenBucket', () => {
  // At 1000 B/s a byte takes a millisecond.
  it.each([
    {
      name: 'starts full',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'tokens', undefined, 500],
        [0, 'take', 500, true],
        [0, 'tokens', undefined, 0],
      ],
    },
    {
      name: 'takes nothing when a datagram does not conform',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 300, true],
        [0, 'take', 300, false],
        [0, 'tokens', undefined, 200],
        [0, 'delay', 300, 100],
        [0, 'tokens', undefined, 200],
      ],
    },
    {
      name: 'lets a datagram go at the instant its last token arrives, and no earlier',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [0, 'delay', 300, 300],
        [299, 'delay', 300, 1],
        [299, 'take', 300, false],
        [300, 'delay', 300, 0],
        [300, 'take', 300, true],
        [300, 'tokens', undefined, 0],
      ],
    },
    {
      name: 'never holds more than the burst',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 100, true],
        [3_600_000, 'tokens', undefined, 500],
        [3_600_000, 'take', 500, true],
        [3_600_000, 'take', 1, false],
      ],
    },
    {
      name: 'lets one larger than the burst go when full, and pays its debt before anything else',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 2000, true],
        [0, 'tokens', undefined, -1500],
        [0, 'delay', 0, 1500],
        [0, 'delay', 1, 1501],
        [0, 'delay', 2000, 2000],
        [1499, 'take', 0, false],
        [1500, 'take', 0, true],
        [1999, 'take', 2000, false],
        [2000, 'take', 2000, true],
        [2000, 'tokens', undefined, -1500],
      ],
    },
    {
      name: 'takes a datagram of no bytes unless in debt',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [0, 'take', 0, true],
        [0, 'take', 501, false],
        [0, 'tokens', undefined, 0],
      ],
    },
    {
      name: 'keeps fractions of a byte',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [0.25, 'tokens', undefined, 0.25],
        [0.5, 'take', 1, false],
        [1, 'take', 1, true],
      ],
    },
    {
      name: 'adds nothing for a clock that stepped back, and nothing twice when it comes again',
      bandwidth: limit(1000, 500),
      rows: [
        [1000, 'take', 500, true],
        [1100, 'tokens', undefined, 100],
        [200, 'tokens', undefined, 100],
        [1100, 'tokens', undefined, 100],
        [1150, 'tokens', undefined, 150],
      ],
    },
    {
      name: 'names a wait that holds for a clock that stepped back, too',
      bandwidth: limit(1000, 500),
      rows: [
        [1000, 'take', 500, true],
        [900, 'delay', 300, 400],
        [900, 'behind', [100, 300], 500],
        [1299, 'take', 300, false],
        [1300, 'take', 300, true],
      ],
    },
    {
      name: 'lets what it holds go while the clock is back',
      bandwidth: limit(1000, 500),
      rows: [
        [1000, 'take', 100, true],
        [0, 'delay', 400, 0],
        [0, 'take', 400, true],
        [0, 'take', 1, false],
      ],
    },
    {
      name: 'gathers no credit in a pause, and lets nothing go',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [100, 'pause'],
        [200, 'take', 1, false],
        [200, 'delay', 0, Infinity],
        [200, 'behind', [0, 0], Infinity],
        [5000, 'tokens', undefined, 100],
        [10_000, 'resume'],
        [10_000, 'tokens', undefined, 100],
        [10_000, 'delay', 300, 200],
        [10_200, 'take', 300, true],
      ],
    },
    {
      name: 'gathers no credit in a pause that nobody looked at',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 2000, true],
        [0, 'pause'],
        [60_000, 'resume'],
        [60_000, 'tokens', undefined, -1500],
      ],
    },
    {
      name: 'can be paused and resumed twice over',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [100, 'pause'],
        [200, 'pause'],
        [300, 'resume'],
        [350, 'resume'],
        [350, 'tokens', undefined, 150],
      ],
    },
    {
      name: 'pays the past at the old rate and the future at the new one',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [100, 'limit', limit(10_000, 500)],
        [100, 'tokens', undefined, 100],
        [110, 'tokens', undefined, 200],
        [120, 'limit', limit(1000, 500)],
        [120, 'tokens', undefined, 300],
        [220, 'tokens', undefined, 400],
      ],
    },
    {
      name: 'keeps a debt in bytes through a change of the rate',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 2000, true],
        [0, 'limit', limit(100_000, 500)],
        [0, 'tokens', undefined, -1500],
        [0, 'delay', 2000, 20],
        [0, 'limit', limit(10, 500)],
        [0, 'tokens', undefined, -1500],
        [0, 'delay', 0, 150_000],
      ],
    },
    {
      name: 'loses tokens above a smaller burst, and is not given them back',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'limit', limit(1000, 200)],
        [0, 'tokens', undefined, 200],
        [0, 'limit', limit(1000, 500)],
        [0, 'tokens', undefined, 200],
      ],
    },
    {
      name: 'fills up to a larger burst at the rate, not at once',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'limit', limit(1000, 5000)],
        [0, 'tokens', undefined, 500],
        [1000, 'tokens', undefined, 1500],
        [10_000, 'tokens', undefined, 5000],
      ],
    },
    {
      name: 'has a burst that follows the rate unless it is given in bytes',
      bandwidth: { rateBytesPerSecond: 1000, burstBytes: undefined, burstTimeMs: 20 },
      rows: [
        [0, 'burst', undefined, 20],
        [0, 'limit', { rateBytesPerSecond: 5000, burstBytes: undefined, burstTimeMs: 20 }],
        [0, 'burst', undefined, 100],
        [0, 'limit', { rateBytesPerSecond: 5000, burstBytes: 7, burstTimeMs: 20 }],
        [0, 'burst', undefined, 7],
      ],
    },
    {
      name: 'lets everything go while unlimited, and starts full when the limit is back',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 2000, true],
        [0, 'limit', limit(Infinity, 500)],
        [0, 'tokens', undefined, Infinity],
        [0, 'burst', undefined, Infinity],
        [0, 'delay', 65_507, 0],
        [0, 'behind', [1e12, 65_507], 0],
        [0, 'take', 1e12, true],
        [0, 'take', 1e12, true],
        [5, 'limit', limit(1000, 500)],
        [5, 'tokens', undefined, 500],
        [5, 'take', 500, true],
        [5, 'take', 1, false],
      ],
    },
    {
      name: 'holds back an unlimited rate in a pause, too',
      bandwidth: limit(Infinity, 500),
      rows: [
        [0, 'pause'],
        [0, 'take', 1, false],
        [0, 'delay', 1, Infinity],
        [0, 'resume'],
        [0, 'take', 1, true],
      ],
    },
    {
      name: 'stays paused when the limit changes',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'take', 500, true],
        [0, 'pause'],
        [100, 'limit', limit(2000, 500)],
        [200, 'tokens', undefined, 0],
        [200, 'take', 0, false],
      ],
    },
    {
      name: 'tells what the last of a queue waits, the queue being paid first',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'behind', [0, 500], 0],
        [0, 'behind', [400, 100], 0],
        [0, 'behind', [400, 101], 1],
        [0, 'behind', [1000, 2000], 1000],
        [0, 'take', 500, true],
        [0, 'behind', [1000, 300], 1300],
        [1000, 'tokens', undefined, 500],
      ],
    },
    {
      name: 'debits without asking',
      bandwidth: limit(1000, 500),
      rows: [
        [0, 'debit', 700],
        [0, 'tokens', undefined, -200],
        [700, 'tokens', undefined, 500],
      ],
    },
  ] as readonly Case[])('$name', ({ bandwidth, rows }) => {
    const bucket = new TokenBucket(bandwidth, 0);
    for (const [index, [atMs, call, argument, answer]] of rows.entries()) {
      expect([index, atMs, call, ask(bucket, atMs, call, argument)]).toEqual([index, atMs, call, answer]);
    }
  });

  it('sends 486 bytes at 100 B/s every 4860 ms exactly', () => {
    const bucket = new TokenBucket({ rateBytesPerSecond: 100, burstBytes: undefined, burstTimeMs: 20 }, 0);
    for (let nth = 0; nth < 100_000; nth++) {
      const atMs = nth * 4860;
      if (nth > 0 && bucket.tryTake(486, atMs - 0.001))
        throw new Error(`datagram ${nth} left before ${atMs} ms`);
      if (!bucket.tryTake(486, atMs)) throw new Error(`datagram ${nth} did not leave at ${atMs} ms`);
    }
  });

  it(`conforms at the very instant that delayFor named, however long the machine runs (seed ${seed})`, () => {
    const rate = fc.integer({ min: 0, max: 9000 }).map((steps) => 10 ** (steps / 1000));
    const size = fc.integer({ min: 0, max: 65_507 });
    const uptimeMs = fc.double({ min: 0, max: 1e11, noNaN: true });
    const backMs = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 10_000, noNaN: true }));
    fc.assert(
      fc.property(rate, size, size, uptimeMs, backMs, (rate, debt, bytes, startMs, backMs) => {
        const bucket = new TokenBucket(
          { rateBytesPerSecond: rate, burstBytes: 1000, burstTimeMs: 20 },
          startMs,
        );
        bucket.debit(1000 + debt);
        const nowMs = Math.max(0, startMs - backMs);
        const delayMs = bucket.delayFor(bytes, nowMs);
        expect(bucket.delayFor(bytes, nowMs + delayMs)).toBe(0);
      }),
      { seed, numRuns: 5000 },
    );
  });

  it(`conforms at that instant however often it was asked before (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 5000 }), (rate, questions) => {
        const bucket = new TokenBucket({ rateBytesPerSecond: rate, burstBytes: 1, burstTimeMs: 20 }, 0);
        bucket.debit(1232);
        const atMs = bucket.delayFor(1, 0);
        for (let nth = 0; nth < questions; nth++) bucket.advance((atMs * nth) / questions);
        expect(bucket.delayFor(1, atMs)).toBe(0);
      }),
      { seed },
    );
  });

  it(`gathers exactly rate * time, whenever it is asked in between (seed ${seed})`, () => {
    const pieces = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { maxLength: 50 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 1e9 }), (pieces, rate) => {
        const bucket = new TokenBucket({ rateBytesPerSecond: rate, burstBytes: 1e12, burstTimeMs: 20 }, 0);
        bucket.debit(1e12);
        let nowMs = 0;
        for (const piece of pieces) bucket.advance((nowMs += piece));
        expect(Math.abs(bucket.tokens - (nowMs * rate) / 1000)).toBeLessThan(1e-9 * rate + 1e-6);
      }),
      { seed },
    );
  });

  it.each([-1, NaN, -Infinity])('refuses a datagram of %p bytes', (bytes) => {
    const bucket = new TokenBucket(limit(1000, 500), 0);
    expect(() => bucket.delayFor(bytes, 0)).toThrow(new RangeError(`bytes must be 0 or more, got ${bytes}`));
    expect(() => bucket.tryTake(bytes, 0)).toThrow(RangeError);
    expect(bucket.tokens).toBe(500);
  });

  it('tells its limit and whether it is paused', () => {
    const bucket = new TokenBucket(limit(1000, 500), 0);
    expect([bucket.bandwidth, bucket.paused]).toEqual([limit(1000, 500), false]);
    bucket.setBandwidth(limit(2000, 700), 0);
    bucket.pause(0);
    expect([bucket.bandwidth, bucket.paused]).toEqual([limit(2000, 700), true]);
    bucket.resume(0);
    expect(bucket.paused).toBe(false);
  });
});

function ask(bucket: TokenBucket, atMs: number, call: Row[1], argument: Row[2]): unknown {
  switch (call) {
    case 'take':
      return bucket.tryTake(argument as number, atMs);
    case 'delay':
      return bucket.delayFor(argument as number, atMs);
    case 'behind':
      return bucket.delayBehind(...(argument as [number, number]), atMs);
    case 'debit':
      return bucket.debit(argument as number);
    case 'limit':
      return bucket.setBandwidth(argument as Bandwidth, atMs);
    case 'tokens':
      bucket.advance(atMs);
      return bucket.tokens;
    case 'burst':
      return bucket.burstBytes;
    case 'pause':
    case 'resume':
      return bucket[call](atMs);
  }
}

function limit(rateBytesPerSecond: number, burstBytes: number): Bandwidth {
  return { rateBytesPerSecond, burstBytes, burstTimeMs: 20 };
}
