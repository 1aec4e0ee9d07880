import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { ClientOrder, ClientResult } from './client.js';
import { median } from './median.js';
import type { ServerFigures } from './server.js';

/** What a reply of 1 MB, in about 850 segments, costs the one who sends it. */
export async function measureMessages(rounds: number, sliceMs: number): Promise<object> {
  const servers = new Map<string, Child>();
  for (const name of GROUPS.flat()) servers.set(name, await Child.start('measured', 'server', name));
  const client = await Child.start('beside', 'client');
  const ask = async (name: string): Promise<number> => {
    const server = servers.get(name)!;
    const before = await server.ask<ServerFigures>('figures');
    const order: ClientOrder = {
      transport: 'udp',
      port: server.port,
      window: 1,
      milliseconds: sliceMs,
      bytes: MESSAGE_BYTES,
    };
    const { answered, failed } = await client.ask<ClientResult>(order);
    const after = await server.ask<ServerFigures>('figures');
    if (failed > 0) throw new Error(`${failed} messages of ${name} have failed`);
    return ((after.cpuSeconds - before.cpuSeconds) * 1e3) / answered;
  };
  for (let slice = 0; slice < WARM_UP_SLICES; slice++) for (const name of servers.keys()) await ask(name);
  const measured: Map<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    const slices = new Map<string, number>();
    for (const name of servers.keys()) slices.set(name, await ask(name));
    measured.push(slices);
  }
  console.log(`\nMessages of ${MESSAGE_BYTES} bytes to one peer, medians of ${rounds} rounds\n`);
  printHead(['server', 'CPU ms a message', 'to the node driver']);
  const rows = GROUPS.flatMap((names) =>
    names.map((name) => ({
      name,
      cpuMs: median(measured.map((round) => round.get(name)!)),
      ratio: median(measured.map((round) => round.get(name)! / round.get(names[0]!)!)),
    })),
  );
  for (const { name, cpuMs, ratio } of rows) printRow([name, cpuMs.toFixed(2), `${ratio.toFixed(2)}x`]);
  await Promise.all([client, ...servers.values()].map((child) => child.stop()));
  return rows;
}

const DRIVERS = ['ours', 'ours, batch driver without UDP_SEGMENT', 'ours, batch driver'];

/** Those that are compared with the first of them: replies that JSON writes anew, and such as are there already. */
const GROUPS = [DRIVERS, DRIVERS.map((name) => `${name}, bytes ready`)];

// A little less than the largest message that there may be, with what JSON writes around it.
const MESSAGE_BYTES = 1_000_000;

// After as many, processor time for a message no longer falls.
const WARM_UP_SLICES = 4;
