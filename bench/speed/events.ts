import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { LoadOrder, LoadResult } from './load.js';
import type { ServerFigures } from './server.js';

/** What events cost a server, and how many come to its handler before any is lost. */
export async function measureEvents(sliceMs: number): Promise<object> {
  console.log('\nEvents: one way, into a handler\n');
  printHead([
    'server',
    'bytes',
    'events/s without loss',
    'CPU µs an event',
    'at full load: events/s',
    'lost',
  ]);
  const rows: object[] = [];
  for (const bytes of [100, 1200]) {
    for (const name of [
      'dgram JSON',
      'ours',
      'ours, limits set',
      'ours, batch driver',
      'ours, batch driver, limits set',
    ]) {
      const server = await Child.start('server', name);
      const load = await Child.start('load');
      await send(server, load, bytes, 5000, 1500);
      // Between what surely comes through and more than any can take.
      let [least, most] = [1000, 200_000];
      let cpuMicros = NaN;
      for (let step = 0; step < STEPS; step++) {
        const middle = Math.sqrt(least * most);
        const result = await send(server, load, bytes, middle, sliceMs);
        const isKept = result.lost <= LOST && result.perSecond > 0.95 * middle;
        if (isKept) [least, cpuMicros] = [middle, result.cpuMicros];
        else most = middle;
      }
      const full = await send(server, load, bytes, Infinity, sliceMs);
      const row = { name, bytes, perSecond: least, cpuMicros, full: full.handledPerSecond, lost: full.lost };
      printRow([
        name,
        String(bytes),
        Math.round(row.perSecond).toString(),
        row.cpuMicros.toFixed(1),
        Math.round(row.full).toString(),
        `${(100 * row.lost).toFixed(1)} %`,
      ]);
      rows.push(row);
      await Promise.all([server.stop(), load.stop()]);
    }
  }
  return rows;
}

interface Outcome {
  readonly perSecond: number;
  readonly handledPerSecond: number;
  /** Share of those sent that came to no handler. */
  readonly lost: number;
  readonly cpuMicros: number;
}

async function send(
  server: Child,
  load: Child,
  bytes: number,
  perSecond: number,
  milliseconds: number,
): Promise<Outcome> {
  const before = await server.ask<ServerFigures>('figures');
  const order: LoadOrder = {
    kind: 'events',
    wire: 'plain',
    port: server.port,
    window: 0,
    milliseconds,
    bytes,
    // What JSON has no word for would arrive as nothing.
    perSecond: Math.min(perSecond, Number.MAX_SAFE_INTEGER),
  };
  const { sent, seconds } = await load.ask<LoadResult>(order);
  const after = await server.ask<ServerFigures>('figures');
  const handled = after.events - before.events;
  return {
    perSecond: sent / seconds,
    handledPerSecond: handled / seconds,
    lost: 1 - handled / sent,
    cpuMicros: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / handled,
  };
}

const STEPS = 7;

const LOST = 0.001;
