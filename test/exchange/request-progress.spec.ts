import { describe, expect, it } from '@jest/globals';
import { RequestProgress } from '../../src/exchange/request-progress.js';
import { RttEstimator } from '../../src/exchange/rtt-estimator.js';

describe('RequestProgress', () => {
  const started = (deadlineMs = 60_000, random = 0) => {
    const rtt = new RttEstimator();
    return { rtt, progress: new RequestProgress(rtt, deadlineMs, () => random) };
  };

  it('does nothing but wait for its deadline while it waits in our own queue', () => {
    const { progress } = started(5000);
    expect(progress.onQueued()).toBe(1);
    expect([progress.nextMs, progress.step(4999), progress.step(5000)]).toEqual([5000, 'nothing', 'fail']);
    expect(progress.ageMs(4000)).toBe(0);
  });

  it('is sent again a time-out after it left, later each time', () => {
    const { progress } = started();
    const leftMs: number[] = [];
    for (let nowMs = 0; leftMs.length < 5; nowMs = progress.nextMs) {
      expect(progress.step(nowMs)).toBe(leftMs.length === 0 ? 'nothing' : 'send');
      progress.onQueued();
      leftMs.push(nowMs);
      progress.onLeft(nowMs);
    }
    expect(leftMs).toEqual([0, 1000, 3000, 7000, 11_000]);
    expect(progress.attempts).toBe(5);
    expect(progress.ageMs(12_000)).toBe(12_000);
  });

  it('is later by up to an eighth', () => {
    const { progress } = started(60_000, 0.999);
    progress.onQueued();
    progress.onLeft(0);
    expect(progress.nextMs).toBeCloseTo(1125, 0);
  });

  it('is aimed anew by a first measurement, and not into the past', () => {
    const { rtt, progress } = started();
    progress.onQueued();
    progress.onLeft(0);
    rtt.sample(20);
    progress.onFirstSample(10);
    expect(progress.nextMs).toBe(60);
    progress.onFirstSample(500);
    expect(progress.nextMs).toBe(60);
  });

  it('that is held is asked about after 0.5 s, 1 s, 2 s and then every 4 s', () => {
    const { progress } = started();
    progress.onQueued();
    progress.onLeft(0);
    // Before a measurement the time-out is longer than half a second.
    progress.onPending(0, 100);
    expect(progress.nextMs).toBe(1100);
    const { rtt, progress: known } = started();
    rtt.sample(10);
    known.onQueued();
    known.onLeft(0);
    known.onPending(0, 0);
    const asked: number[] = [];
    for (let i = 0; i < 6; i++) {
      const nowMs = known.nextMs;
      expect(known.step(nowMs)).toBe('probe');
      asked.push(nowMs);
      // The answer to a probe does not make the next one come earlier.
      known.onPending(0, nowMs);
    }
    expect(asked).toEqual([500, 1500, 3500, 7500, 11_500, 15_500]);
  });

  it('waits at least as long as a busy peer says, at the most a minute', () => {
    const { progress } = started(Infinity);
    progress.onQueued();
    progress.onLeft(0);
    progress.onBusy(3000, 100);
    expect([progress.nextMs, progress.step(3099), progress.step(3100)]).toEqual([3100, 'nothing', 'send']);
    progress.onBusy(1e9, 0);
    expect(progress.nextMs).toBe(60_000);
    expect(progress.isRefused).toBe(true);
  });

  it('is as new when its only copy was not taken, and goes at once', () => {
    const { progress } = started();
    progress.onQueued();
    progress.onLeft(100);
    progress.onNotTaken(150);
    expect(progress.step(150)).toBe('send');
    progress.onQueued();
    progress.onLeft(150);
    expect([progress.attempts, progress.ageMs(400)]).toEqual([2, 0]);
    // The next copy counts from the first that may have been taken.
    progress.onQueued();
    expect(progress.ageMs(1150)).toBe(1000);
  });

  it('keeps its age when another copy may have been taken', () => {
    const { progress } = started();
    for (const leftMs of [100, 1100]) {
      progress.onQueued();
      progress.onLeft(leftMs);
    }
    progress.onNotTaken(1150);
    progress.onQueued();
    expect(progress.ageMs(1150)).toBe(1050);
  });

  it('has nothing more to do once a value is here', () => {
    const { progress } = started(Infinity);
    progress.onQueued();
    progress.onLeft(0);
    progress.onAnswered();
    progress.onPending(0, 1);
    progress.onBusy(1, 1);
    expect([progress.nextMs, progress.step(1e9)]).toEqual([Infinity, 'nothing']);
  });

  // Karn's rule: only of the copy that the peer says it answers, and that has left.
  it.each([
    ['the copy that left last', 2, 30, 1150, 120],
    ['an earlier copy', 1, 30, 1150, undefined],
    ['no copy', 0, 30, 1150, undefined],
    ['more time held than has passed', 2, 5000, 1150, 0],
  ])('measures %s', (_what, attempt, heldMs, receivedAtMs, rttMs) => {
    const { progress } = started();
    progress.onQueued();
    progress.onLeft(0);
    progress.onQueued();
    progress.onLeft(1000);
    expect(progress.rttOf(attempt, heldMs, receivedAtMs)).toBe(rttMs);
  });

  it('measures nothing of a copy that waits in our own queue', () => {
    const { progress } = started();
    progress.onQueued();
    expect(progress.rttOf(1, 0, 10)).toBeUndefined();
  });
});
