import { describe, expect, it } from '@jest/globals';
import { RttEstimator } from '../../src/exchange/rtt-estimator.js';

describe('RttEstimator', () => {
  it('waits 1 s before the first measurement, and says that it is the first', () => {
    const rtt = new RttEstimator();
    expect([rtt.timeoutMs, rtt.smoothedMs, rtt.recentMs]).toEqual([1000, undefined, undefined]);
    expect(rtt.sample(100)).toBe(true);
    expect(rtt.sample(100)).toBe(false);
  });

  // RFC 6298 section 2: SRTT = 7/8 SRTT + 1/8 R, RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, RTO = SRTT + 4 RTTVAR.
  it.each([
    [[100], 100, 300],
    [[100, 100], 100, 250],
    [[100, 180], 110, 110 + 4 * 57.5],
    [[1], 1, 50],
    [[0], 0, 50],
    [[3000], 3000, 4000],
  ])('after %p is smoothed to %p ms, and waits %p', (samples, smoothedMs, timeoutMs) => {
    const rtt = new RttEstimator();
    for (const sample of samples) rtt.sample(sample);
    expect([rtt.smoothedMs, rtt.timeoutMs]).toEqual([smoothedMs, timeoutMs]);
  });

  it.each([-1, NaN, -Infinity])('takes %p for no measurement', (sample) => {
    const rtt = new RttEstimator();
    expect(rtt.sample(sample)).toBe(false);
    expect(rtt.smoothedMs).toBeUndefined();
  });

  it('doubles for each attempt but the first, up to 4 s', () => {
    const rtt = new RttEstimator();
    expect([1, 2, 3, 4, 100].map((attempts) => rtt.backedOffMs(attempts))).toEqual([
      1000, 2000, 4000, 4000, 4000,
    ]);
    rtt.sample(1);
    expect([1, 2, 3, 7, 8].map((attempts) => rtt.backedOffMs(attempts))).toEqual([50, 100, 200, 3200, 4000]);
  });

  it('shows the larger of the smoothed and the latest', () => {
    const rtt = new RttEstimator();
    rtt.sample(100);
    rtt.sample(20);
    expect(rtt.recentMs).toBe(90);
    rtt.sample(400);
    expect(rtt.recentMs).toBe(400);
  });
});
