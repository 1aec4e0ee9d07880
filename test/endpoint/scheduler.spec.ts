import { describe, expect, it } from '@jest/globals';
import { systemScheduler } from '../../src/endpoint/scheduler.js';

describe('systemScheduler', () => {
  it.each([0, 0.5, 3, 8.25])('never runs an exact task before its %s ms are over', async (delayMs) => {
    const startMs = systemScheduler.now();
    await wait(delayMs);
    expect(systemScheduler.now() - startMs).toBeGreaterThanOrEqual(delayMs);
  });

  it.each([
    ['a timer', 5, 0, false],
    ['an exact timer that still sleeps', 20, 0, true],
    ['an exact timer that watches the clock already', 3, 2.5, true],
  ])('cancels %s', async (_what, delayMs, cancelAfterMs, isExact) => {
    let runs = 0;
    const cancel = systemScheduler.after(delayMs, () => void runs++, isExact);
    await wait(cancelAfterMs);
    // A machine that stalled here has let it run already: it must not run again.
    const runsBefore = runs;
    cancel();
    await wait(delayMs);
    expect(runs).toBe(runsBefore);
  });

  it('lets input and output in while an exact task watches the clock', async () => {
    let turns = 0;
    const count = (): void => {
      turns++;
      setImmediate(count).unref();
    };
    count();
    await wait(1);
    expect(turns).toBeGreaterThan(1);
  });

  it('takes a delay beyond what timers can hold, and does not run at once', async () => {
    let runs = 0;
    const cancel = systemScheduler.after(2 ** 40, () => void runs++);
    await new Promise<void>((resolve) => systemScheduler.soon(resolve));
    cancel();
    expect(runs).toBe(0);
  });
});

async function wait(delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => void systemScheduler.after(delayMs, resolve, true));
}
