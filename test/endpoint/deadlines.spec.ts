import { describe, expect, it } from '@jest/globals';
import { Deadlines, Watch } from '../../src/endpoint/deadlines.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

describe('Deadlines', () => {
  const setUp = () => {
    const clock = new ManualClock();
    const rung: string[] = [];
    const watch = (name: string): Watch => new Watch((nowMs) => void rung.push(`${name} ${nowMs}`));
    return { clock, deadlines: new Deadlines(clock), rung, watch };
  };

  it('ring at their instants, on one timer', async () => {
    const { clock, deadlines, rung, watch } = setUp();
    for (const atMs of [30, 10, 20]) deadlines.aim(watch(`${atMs}`), atMs);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect(rung).toEqual(['10 10', '20 20', '30 30']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('can be moved, later and earlier, and cancelled', async () => {
    const { clock, deadlines, rung, watch } = setUp();
    const [later, earlier, never] = ['later', 'earlier', 'never'].map(watch) as [Watch, Watch, Watch];
    for (const each of [later, earlier, never]) deadlines.aim(each, 50);
    deadlines.aim(later, 80);
    deadlines.aim(earlier, 20);
    deadlines.cancel(never);
    await clock.advance(100);
    expect(rung).toEqual(['earlier 20', 'later 80']);
  });

  it('leave a timer that is set to ring for nothing, once', async () => {
    const { clock, deadlines, rung, watch } = setUp();
    const only = watch('only');
    for (let nth = 0; nth < 3; nth++) {
      deadlines.aim(only, 50 + nth);
      expect(clock.pendingTimers).toBe(1);
      deadlines.cancel(only);
    }
    await clock.advance(49);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1);
    expect([clock.pendingTimers, rung]).toEqual([0, []]);
    deadlines.aim(only, 60);
    deadlines.stop();
    expect([clock.pendingTimers, only.dueMs]).toEqual([0, Infinity]);
  });

  it('that aim at the present over and over let time go on', async () => {
    const { clock, deadlines, rung } = setUp();
    const eager: Watch = new Watch((nowMs) => {
      rung.push(`${nowMs}`);
      if (rung.length < 5) deadlines.aim(eager, nowMs);
    });
    deadlines.aim(eager, 10);
    await clock.advance(10);
    expect(rung).toEqual(['10', '10', '10', '10', '10']);
  });

  it('ring for 8 ms at a time, and let others have their turn between', async () => {
    const { clock, deadlines, rung } = setUp();
    const slow = (): Watch =>
      new Watch((nowMs) => {
        rung.push(`${nowMs}`);
        clock.jump(5);
      });
    for (let nth = 0; nth < 5; nth++) deadlines.aim(slow(), 10);
    clock.after(11, () => void rung.push('another'));
    await clock.advance(20);
    expect(rung).toEqual(['10', '15', 'another', '20', '25', '30']);
  });
});
