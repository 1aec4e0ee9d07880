import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { ClientOrder, ClientResult } from './client.js';
import { median } from './median.js';
import type { ServerFigures } from './server.js';

/** What a reply of 1 MB, in about 850 segments, costs the one who sends it. */
export async function measureMessages(rounds: number, sliceMs: number): Promise<object> {
  const measured: Map<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    const costs = new Map<string, number>();
    for (const name of GROUPS.flat()) costs.set(name, await costOf(name, sliceMs));
    measured.push(costs);
  }
  console.log(
    `\nMessages of ${MESSAGE_BYTES} bytes to one peer, medians of ${measured.length} rounds, each server up alone\n`,
  );
  printHead(['server', 'CPU ms a message', 'to the node driver']);
  const rows = GROUPS.flatMap((names) =>
    names.map((name) => ({
      name,
      cpuMs: median(measured.map((round) => round.get(name)!)),
      ratio: median(measured.map((round) => round.get(name)! / round.get(names[0]!)!)),
    })),
  );
  for (const { name, cpuMs, ratio } of rows) printRow([name, cpuMs.toFixed(2), `${ratio.toFixed(2)}x`]);
  return rows;
}

/**
 * Of a server that is up alone and has no pause: in one that waits for its turn, V8 takes room for new objects away, and
 * then a message costs up to half as much again.
 *
 * @returns milliseconds of processor time a message
 */
async function costOf(name: string, sliceMs: number): Promise<number> {
  const server = await Child.start('measured', 'server', name);
  const client = await Child.start('beside', 'client');
  const ask = async (milliseconds: number): Promise<number> => {
    const { port } = server;
    const order: ClientOrder = { transport: 'udp', port, window: 1, milliseconds, bytes: MESSAGE_BYTES };
    const { answered, failed } = await client.ask<ClientResult>(order);
    if (failed > 0) throw new Error(`${failed} messages of ${name} have failed`);
    return answered;
  };
  await ask(WARM_UP_SLICES * sliceMs);
  const before = await server.ask<ServerFigures>('figures');
  const answered = await ask(MEASURED_SLICES * sliceMs);
  const after = await server.ask<ServerFigures>('figures');
  await Promise.all([server.stop(), client.stop()]);
  return ((after.cpuSeconds - before.cpuSeconds) * 1e3) / answered;
}

const DRIVERS = ['ours', 'ours, batch driver without UDP_SEGMENT', 'ours, batch driver'];

/** Those that are compared with the first of them: replies that JSON writes anew, and such as are there already. */
const GROUPS = [DRIVERS, DRIVERS.map((name) => `${name}, bytes ready`)];

// A little less than the largest message that there may be, with what JSON writes around it.
const MESSAGE_BYTES = 1_000_000;

// After as many, processor time for a message no longer falls.
const WARM_UP_SLICES = 4;

const MEASURED_SLICES = 3;
