import type { Scheduler } from '../endpoint/scheduler.js';

/** Waits for something to finish, but no longer than a time. The timer does not outlive the wait. */
export async function drain(work: Promise<void>, timeoutMs: number, scheduler: Scheduler): Promise<void> {
  if (timeoutMs === Infinity) return work;
  let cancel = ignore;
  const timeout = new Promise<void>((resolve) => {
    cancel = scheduler.after(timeoutMs, resolve);
  });
  await Promise.race([work, timeout]);
  cancel();
}

function ignore(): void {}
