import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import { createShaper, peerNo, TestDatagram } from '../support/shaped.js';
import { seed } from './seed.js';

describe('FairShaper, against an ideal fluid bucket', () => {
  it(`is within one datagram of it at every instant (seed ${seed})`, () => {
    let compared = 0;
    fc.assert(
      fc.property(script, ({ bandwidth, steps }) => {
        const shaper = createShaper({ bandwidth });
        const fluid = new FluidBucket(bandwidth);
        let nowMs = 0;
        let sentBytes = 0;
        let largest = 0;
        const check = (): void => {
          compared++;
          expect(Math.abs(fluid.drainedBytes - sentBytes)).toBeLessThanOrEqual(largest + 1e-3);
        };
        for (const { afterMs, sizes } of steps) {
          const untilMs = nowMs + afterMs;
          // Every instant at which something leaves, and the one just before it.
          for (let atMs = shaper.nextEventMs(nowMs); atMs <= untilMs; atMs = shaper.nextEventMs(nowMs)) {
            fluid.advanceTo(atMs);
            check();
            nowMs = atMs;
            for (let item = shaper.release(nowMs); item !== undefined; item = shaper.release(nowMs)) {
              sentBytes += item.bytes;
            }
            check();
          }
          nowMs = untilMs;
          fluid.advanceTo(nowMs);
          check();
          for (const { bytes, peer } of sizes) {
            largest = Math.max(largest, bytes);
            fluid.pour(bytes);
            if (shaper.offer(new TestDatagram({ bytes, peer: peerNo(peer) }), nowMs) === 'pass')
              sentBytes += bytes;
          }
          fluid.advanceTo(nowMs);
          check();
        }
      }),
      { seed, numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(10 * RUNS);
  });
});

/**
 * What a bucket would let through if bytes were water: it drains all it holds at once, and after that at its
 * rate; while nothing is there to drain it fills up to its burst.
 *
 * It knows no datagrams. A bucket with debt lets one of them go as soon as it holds the burst or the datagram,
 * so the most that the two can be apart is that one.
 */
class FluidBucket {
  drainedBytes = 0;
  #waitingBytes = 0;
  #tokens: number;
  #nowMs = 0;
  readonly #burstBytes: number;
  readonly #bytesPerMs: number;

  constructor({ rateBytesPerSecond, burstBytes = 0 }: Bandwidth) {
    this.#burstBytes = burstBytes;
    this.#bytesPerMs = rateBytesPerSecond / 1000;
    this.#tokens = this.#burstBytes;
  }

  pour(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  advanceTo(nowMs: number): void {
    this.#drain();
    const creditBytes = (nowMs - this.#nowMs) * this.#bytesPerMs;
    this.#nowMs = nowMs;
    // What comes while something waits passes at once; only what nobody wants is kept, up to the burst.
    const passedBytes = Math.min(creditBytes, this.#waitingBytes);
    this.#waitingBytes -= passedBytes;
    this.drainedBytes += passedBytes;
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + creditBytes - passedBytes);
  }

  #drain(): void {
    const bytes = Math.min(this.#tokens, this.#waitingBytes);
    this.#tokens -= bytes;
    this.#waitingBytes -= bytes;
    this.drainedBytes += bytes;
  }
}

const RUNS = Number(process.env['FC_RUNS'] ?? 2000);

const script = fc.record({
  bandwidth: fc.record({
    rateBytesPerSecond: fc.integer({ min: 0, max: 6300 }).map((steps) => 50 * 10 ** (steps / 1000)),
    burstBytes: fc.integer({ min: 1, max: 100_000 }),
    burstTimeMs: fc.constant(20),
  }),
  steps: fc.array(
    fc.record({
      afterMs: fc.oneof(
        fc.double({ min: 0, max: 50, noNaN: true }),
        fc.double({ min: 0, max: 5000, noNaN: true }),
      ),
      sizes: fc.array(
        fc.record({
          bytes: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 65_507 })),
          peer: fc.nat(2),
        }),
        { maxLength: 6 },
      ),
    }),
    { minLength: 1, maxLength: 20 },
  ),
});
