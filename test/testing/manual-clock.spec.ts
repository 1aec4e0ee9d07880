import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../src/testing/manual-clock.js';

describe('ManualClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new ManualClock(100);
    expect(clock.now()).toBe(100);
    await clock.advance(0);
    expect(clock.now()).toBe(100);
    await clock.advance(2.5);
    expect(clock.now()).toBe(102.5);
    expect(clock.timeOrigin).toBe(0);
  });

  it('runs timers in the order of time, each at its instant', async () => {
    const { clock, log } = recorder();
    clock.after(30, log('c'));
    clock.after(10, log('a'));
    clock.after(20, log('b'));
    await clock.advance(25);
    expect(log.entries).toEqual(['a @10', 'b @20']);
    expect(clock.now()).toBe(25);
    expect(clock.pendingTimers).toBe(1);
  });

  it('runs timers of one instant in the order in which they were set', async () => {
    const { clock, log } = recorder();
    for (const name of ['a', 'b', 'c']) clock.after(5, log(name));
    await clock.advance(5);
    expect(log.entries).toEqual(['a @5', 'b @5', 'c @5']);
  });

  it('runs timers that a timer sets, when they are due too', async () => {
    const { clock, log } = recorder();
    clock.after(10, () => clock.after(5, log('inner')));
    await clock.advance(15);
    expect(log.entries).toEqual(['inner @15']);
  });

  it('does not run a cancelled timer', async () => {
    const { clock, log } = recorder();
    const cancel = clock.after(10, log('never'));
    clock.after(5, cancel);
    await clock.advance(100);
    expect(log.entries).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets promise chains settle between two timers', async () => {
    const { clock, log } = recorder();
    clock.after(10, () => {
      void (async () => {
        for (let step = 0; step < 50; step++) await Promise.resolve();
        log('chain')();
      })();
    });
    clock.after(11, log('timer'));
    await clock.advance(20);
    expect(log.entries).toEqual(['chain @10', 'timer @11']);
  });

  it('lets promises settle before the first timer', async () => {
    const { clock, log } = recorder();
    void Promise.resolve().then(() => clock.after(0, log('timer')));
    await clock.advance(0);
    expect(log.entries).toEqual(['timer @0']);
  });

  it('runs what is soon at the present instant, before any timer', async () => {
    const { clock, log } = recorder();
    clock.after(0, log('timer'));
    clock.soon(() => {
      log('soon')();
      clock.soon(log('next turn'));
    });
    await clock.advance(0);
    expect(log.entries).toEqual(['soon @0', 'next turn @0', 'timer @0']);
  });

  it('runs late what a stalled loop has missed, and at the late instant', async () => {
    const { clock, log } = recorder();
    clock.after(10, log('a'));
    clock.after(20, log('b'));
    clock.jump(50);
    expect(log.entries).toEqual([]);
    await clock.advance(0);
    expect(log.entries).toEqual(['a @50', 'b @50']);
  });

  it('can step back: timers stay at their instants', async () => {
    const { clock, log } = recorder();
    await clock.advance(100);
    clock.after(10, log('a'));
    clock.jump(-60);
    expect(clock.now()).toBe(40);
    await clock.advance(69);
    expect(log.entries).toEqual([]);
    await clock.advance(1);
    expect(log.entries).toEqual(['a @110']);
  });

  it('advanceTo leaves the clock alone when the instant is past', async () => {
    const clock = new ManualClock(100);
    await clock.advanceTo(50);
    expect(clock.now()).toBe(100);
  });

  it.each([-1, Infinity, NaN])('refuses a delay of %p', (delayMs) => {
    expect(() => new ManualClock().after(delayMs, () => undefined)).toThrow(RangeError);
  });

  it.each([-1, NaN])('refuses to advance by %p', async (milliseconds) => {
    await expect(new ManualClock().advance(milliseconds)).rejects.toThrow(RangeError);
  });

  it('rejects with what a task throws', async () => {
    const clock = new ManualClock();
    clock.after(5, () => {
      throw new Error('broken');
    });
    await expect(clock.advance(10)).rejects.toThrow('broken');
    expect(clock.now()).toBe(5);
  });

  function recorder() {
    const clock = new ManualClock();
    const entries: string[] = [];
    const log = Object.assign((name: string) => () => void entries.push(`${name} @${clock.now()}`), {
      entries,
    });
    return { clock, log };
  }
});
