import { describe, expect, it } from '@jest/globals';
import { resolveBandwidth } from '../../src/shaping/bandwidth.options.js';
import { Limit } from '../../src/shaping/limit.js';

describe('Limit', () => {
  describe('with a peak rate', () => {
    // A burst of 10,000 bytes at 1 kB/s, spread at 100 kB/s: 1514 bytes at once, then 100 a millisecond.
    const create = (): Limit =>
      new Limit(resolveBandwidth({ rate: 1000, burst: 10_000, peakRate: 100_000 }, 'upload'), 0);

    it('spreads a burst at the peak', () => {
      const limit = create();
      const rows = [
        [0, 1514, 0],
        [0, 100, 1],
        [1, 100, 0],
        [1, 1000, 10],
        [11, 1000, 0],
      ] as const;
      for (const [atMs, bytes, delayMs] of rows) {
        expect([atMs, bytes, limit.delayFor(bytes, atMs)]).toEqual([atMs, bytes, delayMs]);
        if (delayMs === 0) limit.debit(bytes);
      }
    });

    it('keeps to the rate once the burst is over', () => {
      const limit = create();
      for (let atMs = 0; limit.delayFor(1000, atMs) < 100; atMs++) {
        if (limit.conforms(1000, atMs)) limit.debit(1000);
      }
      expect(limit.delayFor(1000, 200)).toBeGreaterThan(500);
    });

    it('is as new only when both buckets are full', () => {
      const limit = create();
      limit.debit(5);
      // The rate pays 5 bytes in 5 ms, the peak in 0.05.
      expect([limit.isAsNew(4), limit.isAsNew(5)]).toEqual([false, true]);
      limit.debit(1);
      expect([limit.isAsNew(5.5), limit.isAsNew(6)]).toEqual([false, true]);
    });

    it('says how long a line takes by the slower of the two', () => {
      const limit = create();
      expect(limit.delayBehind(5000, 1000, 0)).toBeCloseTo((6000 - 1514) / 100, 9);
      expect(limit.delayBehind(20_000, 1000, 0)).toBe(11_000);
    });

    it('loses the peak with a bandwidth that has none, and gets one with a bandwidth that has', () => {
      const limit = create();
      limit.debit(1514);
      limit.setBandwidth(resolveBandwidth({ rate: 1000, burst: 10_000 }, 'upload'), 0);
      expect(limit.delayFor(1514, 0)).toBe(0);
      limit.setBandwidth(resolveBandwidth({ rate: 1000, burst: 10_000, peakRate: 100_000 }, 'upload'), 0);
      limit.debit(1514);
      expect(limit.delayFor(100, 0)).toBe(1);
    });
  });

  it('keeps its peak at a new rate', () => {
    const limit = new Limit(resolveBandwidth({ peakRate: 100_000 }, 'upload'), 0);
    limit.debit(1514);
    expect([limit.delayFor(1000, 0), limit.rateBytesPerSecond]).toEqual([10, Infinity]);
  });

  it('tells what is lost by being late', () => {
    const limit = new Limit(resolveBandwidth({ rate: 1000, burst: 100 }, 'upload'), 0);
    limit.debit(100);
    expect([limit.spilledBytes(100), limit.spilledBytes(130)]).toEqual([0, 30]);
    expect([limit.tokens(130), limit.spilledBytes(130)]).toEqual([100, 0]);
  });

  it.each([
    [30, 70],
    [100, 0],
    [500, 0],
  ])('may be late with %d bytes by %d ms', (bytes, ms) => {
    const limit = new Limit(resolveBandwidth({ rate: 1000, burst: 100 }, 'upload'), 0);
    expect(limit.latenessAllowedMs(bytes)).toBe(ms);
  });
});
