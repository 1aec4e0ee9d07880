import { describe, expect, it } from '@jest/globals';
import { StreamWatch } from '../../src/exchange/stream-watch.js';

describe('StreamWatch', () => {
  it('fails when the first value is late, and when a later one is', () => {
    const watch = new StreamWatch(5000);
    expect([watch.nextMs, watch.step(4999), watch.step(5000)]).toEqual([5000, 'nothing', 'fail']);
    watch.onValue(4000, 1000);
    expect([watch.nextMs, watch.step(4999), watch.step(5000)]).toEqual([5000, 'nothing', 'fail']);
  });

  it('asks for a sign of life every 5 s, and fails after 30 s without one', () => {
    const watch = new StreamWatch(Infinity);
    watch.onHeard(1000);
    const steps: [number, string][] = [];
    for (let nowMs = watch.nextMs; steps.length < 6; nowMs = watch.nextMs)
      steps.push([nowMs, watch.step(nowMs)]);
    expect(steps).toEqual([
      [6000, 'probe'],
      [11_000, 'probe'],
      [16_000, 'probe'],
      [21_000, 'probe'],
      [26_000, 'probe'],
      [31_000, 'fail'],
    ]);
  });

  it('is content with any word', () => {
    const watch = new StreamWatch(Infinity);
    watch.onHeard(0);
    expect(watch.step(5000)).toBe('probe');
    watch.onHeard(5001);
    expect(watch.nextMs).toBe(10_001);
  });

  it('asks nobody who could not answer', () => {
    const watch = new StreamWatch(Infinity);
    watch.onValue(0, Infinity);
    expect([watch.nextMs, watch.step(1e9)]).toEqual([Infinity, 'nothing']);
  });
});
