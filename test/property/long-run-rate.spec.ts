import { describe, expect, it } from '@jest/globals';
import { ReleaseLoop } from '../../src/endpoint/release-loop.js';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import { formatRate } from '../../src/shaping/rate.js';
import { createShaper, TestDatagram } from '../support/shaped.js';
import { seed } from './seed.js';
import { EXACT_TIMERS, SimulatedScheduler, type TimerQuality } from './simulated-scheduler.js';

describe('FairShaper, its queue never empty', () => {
  describe('with exact timers', () => {
    it.each(
      [60, 100, 1e3, 9600, 1e5, 1.25e6, 1e7, 333_333_333].flatMap((rate) =>
        [1, 100, 486, 1232, 9000, 65_507].flatMap((size) =>
          [undefined, 1, 1500, 65_536].map((burst) => ({ text: formatRate(rate), rate, size, burst })),
        ),
      ),
    )('sends $size-byte datagrams at $text with a burst of $burst bytes', ({ rate, size, burst }) => {
      // Each release leaves the same tokens behind, so a few hundred of them tell the rate.
      const measured = longRunRate(bandwidthOf(rate, burst), size, { datagrams: 400 }, EXACT_TIMERS);
      expect(Math.abs(measured / rate - 1)).toBeLessThan(1e-4);
    });
  });

  describe(`with timers up to 3 ms late and 10 ms of burst to spare (seed ${seed})`, () => {
    it.each([
      { text: '100 B/s', rate: 100, size: 1, burst: undefined },
      { text: '1 kB/s', rate: 1e3, size: 486, burst: 500 },
      { text: '10 kB/s', rate: 1e4, size: 100, burst: undefined },
      { text: '10 kB/s', rate: 1e4, size: 1232, burst: 1400 },
      { text: '100 kB/s', rate: 1e5, size: 486, burst: undefined },
      { text: '100 kB/s', rate: 1e5, size: 1000, burst: undefined },
      { text: '1 MB/s', rate: 1e6, size: 1232, burst: undefined },
      { text: '1 MB/s', rate: 1e6, size: 9000, burst: undefined },
      { text: '10 MB/s', rate: 1e7, size: 65_507, burst: undefined },
    ])('sends $size-byte datagrams at $text with a burst of $burst bytes', ({ rate, size, burst }) => {
      const bandwidth = bandwidthOf(rate, burst);
      const spareMs = (((burst ?? rate * 0.02) - size) / rate) * 1000;
      expect(spareMs).toBeGreaterThanOrEqual(10);
      // Where a measurement begins and ends may be a few milliseconds off: 200 s keep that below 0.01 %.
      const measured = longRunRate(bandwidth, size, { ms: 200_000 }, lateTimers());
      expect(Math.abs(measured / rate - 1)).toBeLessThan(1e-4);
    });
  });
});

/** Bytes per second between two releases that a timer brought, both with a queue that still waits behind them. */
function longRunRate(
  bandwidth: Bandwidth,
  size: number,
  until: { datagrams?: number; ms?: number },
  timers: TimerQuality,
): number {
  const { datagrams = Infinity, ms = Infinity } = until;
  const scheduler = new SimulatedScheduler(timers);
  const shaper = createShaper({ bandwidth });
  const done = { bytes: 0, datagrams: 0, atMs: 0 };
  const loop = new ReleaseLoop(
    shaper,
    scheduler,
    (batch, nowMs) => {
      for (const item of batch) {
        done.bytes += item.bytes;
        done.datagrams++;
        shaper.offer(new TestDatagram({ bytes: size }), nowMs);
      }
      done.atMs = nowMs;
    },
    () => {},
    () => {},
  );
  for (let queued = 0; queued < QUEUED;) {
    if (shaper.offer(new TestDatagram({ bytes: size }), scheduler.now()) === 'queued') queued++;
  }
  loop.aim();
  // The burst that the bucket starts with is over once the loop has had to wait.
  while (done.atMs === 0) scheduler.runNext();
  const start = { ...done };
  while (done.datagrams - start.datagrams < datagrams && done.atMs - start.atMs < ms) scheduler.runNext();
  return ((done.bytes - start.bytes) * 1000) / (done.atMs - start.atMs);
}

function bandwidthOf(rateBytesPerSecond: number, burstBytes: number | undefined): Bandwidth {
  return { rateBytesPerSecond, burstBytes, burstTimeMs: 20 };
}

/** As Node's: never below 1 ms, and late by 0 to 3 ms. */
function lateTimers(): TimerQuality {
  let state = seed;
  return {
    shortestMs: 1,
    turnMs: 0.01,
    lateness: () => {
      // Numerical Recipes' linear congruential generator: enough to spread, and repeatable.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state / 2 ** 32) * 3;
    },
  };
}

// More than one wake can release.
const QUEUED = 600;
