import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { ClientOrder, ClientResult } from './client.js';
import { median } from './median.js';
import type { ServerFigures } from './server.js';

/** What a reply of 1 MB, in about 850 segments, costs the one who sends it. */
export async function measureMessages(rounds: number, sliceMs: number): Promise<object> {
  const measured: Map<string, number>[] = [];
  for (let set = 0; set < SETS; set++)
    measured.push(...(await measureSet(Math.ceil(rounds / SETS), sliceMs)));
  console.log(`\nMessages of ${MESSAGE_BYTES} bytes to one peer, medians of ${measured.length} rounds\n`);
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

/** @returns milliseconds a message of each server, by rounds */
async function measureSet(rounds: number, sliceMs: number): Promise<Map<string, number>[]> {
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
  await Promise.all([client, ...servers.values()].map((child) => child.stop()));
  return measured;
}

const DRIVERS = ['ours', 'ours, batch driver without UDP_SEGMENT', 'ours, batch driver'];

/** Those that are compared with the first of them: replies that JSON writes anew, and such as are there already. */
const GROUPS = [DRIVERS, DRIVERS.map((name) => `${name}, bytes ready`)];

// A little less than the largest message that there may be, with what JSON writes around it.
const MESSAGE_BYTES = 1_000_000;

// Processes of one build differ: V8 gives new objects less room in some that were idle, which costs a third more.
const SETS = 3;

// After as many, processor time for a message no longer falls.
const WARM_UP_SLICES = 4;
