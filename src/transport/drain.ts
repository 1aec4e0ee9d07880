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

/**
 * Waits for an outcome, but no longer than a time. The timer does not outlive the wait.
 *
 * @param late makes the error for when the time is over
 */
export async function within<T>(
  work: Promise<T>,
  timeoutMs: number,
  scheduler: Scheduler,
  late: () => Error,
): Promise<T> {
  if (timeoutMs === Infinity) return work;
  let cancel = ignore;
  const timeout = new Promise<never>((_resolve, reject) => {
    cancel = scheduler.after(Math.max(0, timeoutMs), () => reject(late()));
  });
  return Promise.race([work, timeout]).finally(cancel);
}

function ignore(): void {}
