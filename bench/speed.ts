/**
 * What a request costs a server: this transport beside a bare socket, Nest's TCP transport and others. All servers
 * are up together; the load goes round them in slices, and what counts are the medians of ratios within a round.
 *
 *     npm run bench:speed -- [--rounds 7] [--slice 1000] [--windows 1,32,256] [--only ours,Nest]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { printHead, printRow, writeResults } from './report.js';
import type { LoadOrder, LoadResult, Wire } from './speed/load.js';
import type { ServerFigures } from './speed/server.js';

interface Contender {
  readonly name: string;
  readonly server: string;
  readonly wire: Wire;
}

/** One slice of load on one server. */
interface Slice extends LoadResult {
  /** Microseconds of the server's processor time for a request. */
  readonly cpuMicros: number;
  readonly perSecond: number;
}

const CONTENDERS: readonly Contender[] = [
  { name: 'dgram JSON', server: 'dgram JSON', wire: 'plain' },
  { name: 'dgram echo', server: 'dgram echo', wire: 'plain' },
  { name: 'ours', server: 'ours', wire: 'stamped' },
  { name: 'ours, limits set', server: 'ours, limits set', wire: 'stamped' },
  { name: 'ours, plain peers', server: 'ours', wire: 'plain' },
  { name: 'Nest TCP', server: 'Nest TCP', wire: 'tcp' },
  { name: 'naive UDP strategy', server: 'naive UDP strategy', wire: 'plain' },
];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    slice: { type: 'string', default: '1000' },
    windows: { type: 'string', default: '1,32,256' },
    only: { type: 'string', default: '' },
  },
});

class Child {
  private constructor(
    private readonly process: ChildProcess,
    readonly port: number,
  ) {}

  static async start(program: string, name = ''): Promise<Child> {
    const child = fork(new URL(`./speed/${program}.js`, import.meta.url), [name]);
    const [first] = (await once(child, 'message')) as [{ port?: number }];
    return new Child(child, first.port ?? 0);
  }

  async ask<T>(question: object | string): Promise<T> {
    this.process.send(question);
    const [answer] = (await once(this.process, 'message')) as [T];
    return answer;
  }

  stop(): void {
    this.process.disconnect();
  }
}

async function main(): Promise<void> {
  const contenders = CONTENDERS.filter(
    ({ name }) =>
      name === BASE || values.only === '' || values.only.split(',').some((part) => name.includes(part)),
  );
  const servers = new Map<string, Child>();
  for (const { server } of contenders) {
    if (!servers.has(server)) servers.set(server, await Child.start('server', server));
  }
  const load = await Child.start('load');
  const results: Record<string, unknown> = {};
  for (const window of values.windows.split(',').map(Number)) {
    for (const { server, wire } of contenders)
      await slice(load, servers.get(server)!, wire, window, WARM_UP_MS);
    const rounds: Map<string, Slice>[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const slices = new Map<string, Slice>();
      for (const { name, server, wire } of contenders) {
        slices.set(name, await slice(load, servers.get(server)!, wire, window, Number(values.slice)));
      }
      rounds.push(slices);
    }
    results[`window ${window}`] = show(window, contenders, rounds);
  }
  for (const child of servers.values()) child.stop();
  load.stop();
  await writeResults('speed', results);
}

async function slice(
  load: Child,
  server: Child,
  wire: Wire,
  window: number,
  milliseconds: number,
): Promise<Slice> {
  const before = await server.ask<ServerFigures>('figures');
  const order: LoadOrder = { kind: 'requests', wire, port: server.port, window, milliseconds };
  const result = await load.ask<LoadResult>(order);
  const after = await server.ask<ServerFigures>('figures');
  return {
    ...result,
    cpuMicros: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / result.answered,
    perSecond: result.answered / result.seconds,
  };
}

function show(
  window: number,
  contenders: readonly Contender[],
  rounds: readonly ReadonlyMap<string, Slice>[],
): object[] {
  console.log(
    `\nWindow ${window}: medians of ${rounds.length} rounds, ratios to ${BASE} in the same round\n`,
  );
  printHead(['server', 'CPU per request', 'to Nest TCP', 'requests/s', 'p50', 'p99', 'CPU µs', 'p99 ms']);
  return contenders.map(({ name }) => {
    const of = (read: (slice: Slice) => number, to = BASE): number =>
      median(rounds.map((round) => read(round.get(name)!) / read(round.get(to) ?? round.get(name)!)));
    const own = (read: (slice: Slice) => number): number =>
      median(rounds.map((round) => read(round.get(name)!)));
    const row = {
      name,
      cpu: of(({ cpuMicros }) => cpuMicros),
      cpuToTcp: of(({ cpuMicros }) => cpuMicros, 'Nest TCP'),
      rate: of(({ perSecond }) => perSecond),
      p50: of(({ p50Ms }) => p50Ms),
      p99: of(({ p99Ms }) => p99Ms),
      cpuMicros: own(({ cpuMicros }) => cpuMicros),
      p99Ms: own(({ p99Ms }) => p99Ms),
    };
    printRow([
      name,
      `${row.cpu.toFixed(2)}x`,
      `${row.cpuToTcp.toFixed(2)}x`,
      `${row.rate.toFixed(2)}x`,
      `${row.p50.toFixed(2)}x`,
      `${row.p99.toFixed(2)}x`,
      row.cpuMicros.toFixed(1),
      row.p99Ms.toFixed(2),
    ]);
    return row;
  });
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

const BASE = 'dgram JSON';

const WARM_UP_MS = 1500;

await main();
