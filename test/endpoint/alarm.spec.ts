import { describe, expect, it } from '@jest/globals';
import { Alarm } from '../../src/endpoint/alarm.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

describe('Alarm', () => {
  it.each([
    ['at the instant aimed at', [30], [30]],
    ['at the last of several instants, earlier', [30, 10], [10]],
    ['at the last of several instants, later', [30, 50], [50]],
    ['at once for an instant that is past', [-5], [0]],
    ['not at all for Infinity', [Infinity], []],
    ['not at all when it was aimed at Infinity in the end', [30, Infinity], []],
    ['once, aimed twice at one instant', [30, 30], [30]],
  ])('rings %s', async (_what, aims, expected) => {
    const { clock, alarm, rings } = setUp();
    for (const atMs of aims) alarm.aim(atMs);
    await clock.advance(100);
    expect(rings).toEqual(expected);
    expect(clock.pendingTimers).toBe(0);
  });

  it('holds one timer, however often it is aimed', () => {
    const { clock, alarm } = setUp();
    for (let atMs = 1; atMs < 100; atMs++) alarm.aim(atMs);
    expect(clock.pendingTimers).toBe(1);
  });

  it('does not ring once it is disarmed', async () => {
    const { clock, alarm, rings } = setUp();
    alarm.aim(30);
    alarm.disarm();
    alarm.disarm();
    await clock.advance(100);
    expect(rings).toEqual([]);
  });

  it('can be aimed at the same instant again while it rings and after it was disarmed', async () => {
    const { clock, alarm, rings } = setUp((again) => {
      if (rings.length === 1) again.aim(30);
    });
    alarm.aim(30);
    alarm.disarm();
    alarm.aim(30);
    await clock.advance(100);
    expect(rings).toEqual([30, 30]);
  });

  function setUp(onRing: (alarm: Alarm) => void = () => undefined) {
    const clock = new ManualClock();
    const rings: number[] = [];
    const alarm: Alarm = new Alarm(clock, () => {
      rings.push(clock.now());
      onRing(alarm);
    });
    return { clock, alarm, rings };
  }
});
