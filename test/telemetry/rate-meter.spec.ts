import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { RateMeter } from '../../src/telemetry/rate-meter.js';
import { seed } from '../property/seed.js';

describe('RateMeter', () => {
  it('starts at nothing', () => {
    const meter = new RateMeter();
    expect([meter.bytesPerSecond(1000, 0), meter.bytesPerSecond(10_000, 5e9)]).toEqual([0, 0]);
  });

  it('tells the mean of the last whole tenths of a second: what is not over does not count yet', () => {
    const meter = new RateMeter();
    meter.add(500, 1050);
    const rows = [
      [1099, 1000, 0],
      [1100, 1000, 500],
      [1100, 10_000, 50],
      [1100, 100, 5000],
      [1200, 100, 0],
      [2099, 1000, 500],
      [2100, 1000, 0],
      [11_099, 10_000, 50],
      [11_100, 10_000, 0],
    ] as const;
    for (const [atMs, windowMs, bytesPerSecond] of rows) {
      expect([atMs, windowMs, meter.bytesPerSecond(windowMs, atMs)]).toEqual([
        atMs,
        windowMs,
        bytesPerSecond,
      ]);
    }
  });

  it('forgets at once what lies before a long silence', () => {
    const meter = new RateMeter();
    for (let atMs = 0; atMs < 20_000; atMs += 10) meter.add(100, atMs);
    expect([meter.bytesPerSecond(1000, 20_000), meter.bytesPerSecond(10_000, 20_000)]).toEqual([
      10_000, 10_000,
    ]);
    meter.add(1, 3_600_000);
    expect(meter.bytesPerSecond(10_000, 3_600_100)).toBe(0.1);
  });

  it('counts what a clock that stepped back brings with the newest', () => {
    const meter = new RateMeter();
    meter.add(100, 5000);
    meter.add(100, 3000);
    expect([meter.bytesPerSecond(1000, 5100), meter.bytesPerSecond(1000, 4000)]).toEqual([200, 200]);
  });

  it(`agrees with a list of all that came (seed ${seed})`, () => {
    const events = fc.array(
      fc.record({
        gapMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 15_000 })),
        bytes: fc.nat(65_507),
      }),
      { maxLength: 100, size: 'max' },
    );
    fc.assert(
      fc.property(
        events,
        fc.nat(2_000_000),
        fc.constantFrom(100, 1000, 10_000),
        (events, startMs, windowMs) => {
          const meter = new RateMeter();
          const came: { slot: number; bytes: number }[] = [];
          let nowMs = startMs;
          for (const { gapMs, bytes } of events) {
            nowMs += gapMs;
            meter.add(bytes, nowMs);
            came.push({ slot: Math.floor(nowMs / 100), bytes });
            const slot = Math.floor(nowMs / 100);
            const sum = came
              .filter((each) => each.slot < slot && each.slot >= slot - windowMs / 100)
              .reduce((total, each) => total + each.bytes, 0);
            expect(meter.bytesPerSecond(windowMs, nowMs)).toBe((sum * 1000) / windowMs);
          }
        },
      ),
      { seed, numRuns: 200 },
    );
  });
});
