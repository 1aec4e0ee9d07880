import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { installed } from './installed.js';

/** Whether a process is what is measured, or stands beside it: a load, the other end of an exchange, a broker. */
export type Side = 'measured' | 'beside';

/**
 * Keeps all that are measured on one processor, and what asks them on another: neighbours of a virtual machine slow
 * down one of its processors by half for minutes, and whoever happens to run on that one would look slower for it. Does
 * nothing where Linux, `taskset` or a second processor is missing.
 */
export function keepOnOneProcessor(pid: number, side: Side): void {
  const first = processors.at(0);
  // The last: it is seldom a half of the same core.
  const second = processors.length > 1 ? processors.at(-1) : undefined;
  const taskset = installed('taskset');
  if (first === undefined || second === undefined || taskset === undefined) return;
  const processor = side === 'measured' ? first : second;
  spawnSync(taskset, ['-a', '-p', '-c', String(processor), String(pid)]);
}

/** Numbers of those that this process may run on; none where the kernel does not tell. */
function allowed(): readonly number[] {
  if (process.platform !== 'linux') return [];
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from = NaN, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, nth) => from + nth);
  });
}

const processors = allowed();
