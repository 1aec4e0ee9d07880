import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { LoadOrder, LoadResult } from './load.js';
import type { ServerFigures } from './server.js';

/** One server with limits, as busy as it can be: what it holds, and how steady it is, minute by minute. */
export async function measureSoak(seconds: number): Promise<object> {
  const server = await Child.start('measured', 'server', 'ours, batch driver, limits set');
  const load = await Child.start('beside', 'load');
  await server.ask<ServerFigures>('watch the loop');
  const order: LoadOrder = {
    kind: 'requests',
    wire: 'stamped',
    port: server.port,
    window: 256,
    milliseconds: 0,
  };
  const stepSeconds = Math.min(60, seconds / 10);
  console.log(`\nSoak: ${seconds} s with 256 requests under way, limits set, batch driver\n`);
  printHead([
    'after',
    'requests/s',
    'RSS MB',
    'event loop p99 ms',
    'GC % of the time',
    'descriptors',
    'not accounted for',
  ]);
  const rows: object[] = [];
  for (let after = stepSeconds; after <= seconds + 0.001; after += stepSeconds) {
    const before = await server.ask<ServerFigures>('figures');
    const result = await load.ask<LoadResult>({ ...order, milliseconds: stepSeconds * 1000 });
    const figures = await server.ask<ServerFigures>('figures');
    const row = {
      after,
      perSecond: result.answered / result.seconds,
      rssBytes: figures.rssBytes,
      loopDelayP99Ms: figures.loopDelayP99Ms,
      descriptors: figures.descriptors,
      gcShare: (figures.gcMs - before.gcMs) / (result.seconds * 1000),
      uncounted: result.sent - (figures.seen - before.seen),
    };
    printRow([
      `${after} s`,
      Math.round(row.perSecond).toString(),
      (row.rssBytes / 1e6).toFixed(0),
      row.loopDelayP99Ms.toFixed(1),
      (100 * row.gcShare).toFixed(1),
      String(row.descriptors),
      String(row.uncounted),
    ]);
    rows.push(row);
  }
  await Promise.all([server.stop(), load.stop()]);
  return rows;
}
