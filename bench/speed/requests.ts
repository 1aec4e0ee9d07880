import { printHead, printRow } from '../report.js';
import type { BrokerFigures } from './broker.js';
import { BROKERS, type BrokerName } from './brokers.js';
import { Child } from './child.js';
import { installed } from './installed.js';
import type { LoadOrder, LoadResult, Wire } from './load.js';
import { median } from './median.js';
import type { ServerFigures } from './server.js';

export interface RequestTerms {
  readonly rounds: number;
  readonly sliceMs: number;
  readonly windows: readonly number[];
  /** Parts of names of those that are wanted beside bare sockets; none for all. */
  readonly only: readonly string[];
}

interface Contender {
  readonly name: string;
  readonly server: string;
  readonly wire: Wire;
  /** What stands between the load and the server. */
  readonly broker?: BrokerName;
}

/** What runs for a contender. */
interface Running {
  readonly server: Child;
  readonly broker?: Child | undefined;
}

/** One slice of load on one server. */
interface Slice extends LoadResult {
  /** Microseconds of the server's processor time for a request. */
  readonly cpuMicros: number;
  /** The same of the broker; not a number where there is none, or nobody counts. */
  readonly brokerCpuMicros: number;
  readonly perSecond: number;
}

const CONTENDERS: readonly Contender[] = [
  { name: 'dgram JSON', server: 'dgram JSON', wire: 'plain' },
  { name: 'dgram JSON, 64 peers', server: 'dgram JSON', wire: 'plain by many' },
  { name: 'dgram echo', server: 'dgram echo', wire: 'plain' },
  { name: 'ours', server: 'ours', wire: 'stamped' },
  { name: 'ours, limits set', server: 'ours, limits set', wire: 'stamped' },
  { name: 'ours, plain peers', server: 'ours', wire: 'plain' },
  { name: 'ours, batch driver', server: 'ours, batch driver', wire: 'stamped' },
  { name: 'ours, batch driver, limits set', server: 'ours, batch driver, limits set', wire: 'stamped' },
  { name: 'ours, batch driver, 64 peers', server: 'ours, batch driver', wire: 'stamped by many' },
  { name: 'ours, batch driver, plain peers', server: 'ours, batch driver', wire: 'plain' },
  { name: 'Nest TCP', server: 'Nest TCP', wire: 'tcp' },
  { name: 'least UDP strategy', server: 'least UDP strategy', wire: 'plain' },
  { name: 'naive UDP strategy', server: 'naive UDP strategy', wire: 'plain' },
  { name: '@pirumu/nest-udp', server: '@pirumu/nest-udp', wire: 'plain' },
  { name: 'Nest NATS', server: 'Nest NATS', wire: 'nats', broker: 'nats' },
  { name: 'Nest Redis', server: 'Nest Redis', wire: 'redis', broker: 'redis' },
];

/** What a request costs a server. */
export async function measureRequests({ rounds, sliceMs, windows, only }: RequestTerms): Promise<object> {
  const contenders = CONTENDERS.filter(
    ({ name }) => name === BASE || only.length === 0 || only.some((part) => name.includes(part)),
  ).filter(isPossible);
  const load = await Child.start('beside', 'load');
  // One for each row, also where several ask the same: whoever had more to do than others looked quicker.
  const running = new Map<string, Running>();
  for (const { name, server, broker, wire } of contenders) {
    const own = await start(server, broker);
    running.set(name, own);
    await fill(load, own, wire);
  }
  const results: Record<string, unknown> = {};
  for (const window of windows) {
    for (const { name, wire } of contenders) await warmUp(load, running.get(name)!, wire, window);
    const measured: Map<string, Slice>[] = [];
    for (let round = 0; round < rounds; round++) {
      const slices = new Map<string, Slice>();
      for (const { name, wire } of contenders) {
        slices.set(name, await slice(load, running.get(name)!, wire, window, sliceMs));
      }
      measured.push(slices);
    }
    results[`window ${window}`] = show(window, contenders, measured);
  }
  await load.stop();
  for (const { server, broker } of running.values()) {
    // First those that are connected to it.
    await server.stop();
    await broker?.stop();
  }
  return results;
}

function isPossible({ name, broker }: Contender): boolean {
  if (broker === undefined || installed(BROKERS[broker].program) !== undefined) return true;
  console.log(`No row "${name}": ${BROKERS[broker].program} is not installed.`);
  return false;
}

async function start(server: string, brokerName?: BrokerName): Promise<Running> {
  if (brokerName === undefined) return { server: await Child.start('measured', 'server', server) };
  const broker = await Child.start('beside', 'broker', brokerName);
  return { server: await Child.start('measured', 'server', server, String(broker.port)), broker };
}

/**
 * Until a server that remembers requests has as many as it ever will: until then each one is kept in memory that was
 * never touched, whose pages cost a fault each, and none is forgotten. For as long, whoever it is.
 */
async function fill(load: Child, running: Running, wire: Wire): Promise<void> {
  await slice(load, running, wire, FILL_WINDOW, FILL_MS);
}

/** Until the code of a server is compiled: slow ones take longer to answer as many requests. */
async function warmUp(load: Child, running: Running, wire: Wire, window: number): Promise<void> {
  let answered = 0;
  for (let turn = 0; turn < WARM_UP_TURNS && answered < WARM_UP_REQUESTS; turn++) {
    answered += (await slice(load, running, wire, window, WARM_UP_MS)).answered;
  }
}

async function slice(
  load: Child,
  { server, broker }: Running,
  wire: Wire,
  window: number,
  milliseconds: number,
): Promise<Slice> {
  const order: LoadOrder = { kind: 'requests', wire, port: server.port, window, milliseconds };
  const brokerBefore = await broker?.ask<BrokerFigures>('figures');
  const before = await server.ask<ServerFigures>('figures');
  const result = await load.ask<LoadResult>(order);
  const after = await server.ask<ServerFigures>('figures');
  const brokerAfter = await broker?.ask<BrokerFigures>('figures');
  const microsEach = (from = NaN, to = NaN): number => ((to - from) * 1e6) / result.answered;
  return {
    ...result,
    cpuMicros: microsEach(before.cpuSeconds, after.cpuSeconds),
    brokerCpuMicros: microsEach(brokerBefore?.cpuSeconds, brokerAfter?.cpuSeconds),
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
  printHead([
    'server',
    'CPU per request',
    'to Nest TCP',
    'requests/s',
    'p50',
    'p99',
    'CPU µs',
    'broker CPU µs',
    'p99 ms',
  ]);
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
      brokerCpuMicros: own(({ brokerCpuMicros }) => brokerCpuMicros),
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
      Number.isNaN(row.brokerCpuMicros) ? '-' : row.brokerCpuMicros.toFixed(1),
      row.p99Ms.toFixed(2),
    ]);
    return row;
  });
}

const BASE = 'dgram JSON';

const FILL_WINDOW = 256;

// Of ours, the driver without batches answers 300,000 requests in it, and 262,144 are remembered.
const FILL_MS = 6000;

const WARM_UP_MS = 1500;

// After as many, processor time per request no longer falls; measured behind NATS and Redis, with one under way.
const WARM_UP_REQUESTS = 6000;

// For those that are so slow that it would take too long.
const WARM_UP_TURNS = 6;
