import { readFileSync } from 'node:fs';
import { platform } from 'node:process';
import type { BoundAddress } from '../telemetry/stats.js';

/**
 * Datagrams that the kernel dropped because the receive buffer of a local port was full: the last column of
 * /proc/net/udp, summed over the sockets of that port. `undefined` where there is no such file.
 */
export function kernelDropsOf({ port, family }: BoundAddress): number | undefined {
  if (platform !== 'linux') return undefined;
  try {
    const table = readFileSync(family === 'IPv6' ? '/proc/net/udp6' : '/proc/net/udp', 'latin1');
    return sumDrops(table, port);
  } catch {
    return undefined;
  }
}

/** @param table text in the form of /proc/net/udp: a heading, then one socket a line */
export function sumDrops(table: string, port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[1]?.endsWith(suffix) === true) drops += Number(columns.at(-1));
  }
  return drops;
}
