import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Runs a measurement in a process of its own: nothing that was measured before has left garbage, or has taught
 * the compiler other types.
 *
 * @param name file of this folder, which answers with {@link serve}
 * @param settings given to it
 * @param flags of Node
 */
export async function inChild<T>(name: string, settings: object, flags: readonly string[] = []): Promise<T> {
  const file = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const child = fork(file, [], { execArgv: ['--expose-gc', ...flags], serialization: 'advanced' });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} ended with code ${code} before it had measured`);
  });
  child.send(settings);
  const [result] = (await Promise.race([once(child, 'message'), ended])) as [T];
  child.disconnect();
  await ended.catch(() => {});
  return result;
}

/** Answers the one question of {@link inChild}. */
export function serve<S, T>(run: (settings: S) => T | Promise<T>): void {
  process.once('message', (settings) => {
    void Promise.resolve(run(settings as S)).then((result) => process.send?.(result));
  });
}

/** Collects all garbage. @returns bytes of heap that are in use then */
export function heapAfterGc(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('needs --expose-gc');
  // Finalizers free more in the second round.
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * @param run does that many units of work
 * @returns nanoseconds of processor time for each unit, with those of collections, in the cheapest of some rounds:
 *   whatever else a machine does only adds
 */
export function leastNs(units: number, run: () => void): number {
  let leastUs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    leastUs = Math.min(leastUs, user + system);
  }
  return (leastUs * 1000) / units;
}

const ROUNDS = 5;
