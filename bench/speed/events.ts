import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { LoadOrder, LoadResult, Wire } from './load.js';
import { median } from './median.js';
import type { ServerFigures } from './server.js';

/**
 * What events cost a server, how many come to its handler before any is lost, and how many at the most: of a server
 * that has more to do than it can, batches are full.
 */
export async function measureEvents(rounds: number, sliceMs: number): Promise<object> {
  const load = await Child.start('beside', 'load');
  const rows: object[] = [];
  for (const bytes of [100, 1200]) {
    const servers = new Map<string, Child>();
    for (const { server } of ROWS)
      if (!servers.has(server)) servers.set(server, await Child.start('measured', 'server', server));
    const offer = ({ server, wire }: Row, perSecond: number): Promise<Outcome> =>
      send(servers.get(server)!, load, wire ?? 'plain', bytes, perSecond, sliceMs);
    for (const row of ROWS) for (let slice = 0; slice < WARM_UP_SLICES; slice++) await offer(row, WARM_UP);
    const free = new Map<string, number>();
    for (const row of ROWS) free.set(row.name, await rateWithoutLoss((perSecond) => offer(row, perSecond)));
    const measured: Map<string, Measured>[] = [];
    for (let round = 0; round < rounds; round++) {
      const outcomes = new Map<string, Measured>();
      for (const row of ROWS)
        outcomes.set(row.name, { offered: await offer(row, OFFERED), full: await offer(row, Infinity) });
      measured.push(outcomes);
    }
    rows.push(...show(bytes, free, measured));
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
  await load.stop();
  return rows;
}

interface Outcome {
  readonly perSecond: number;
  readonly handledPerSecond: number;
  /** Share of those sent that came to no handler. */
  readonly lost: number;
  readonly cpuMicros: number;
}

interface Measured {
  readonly offered: Outcome;
  readonly full: Outcome;
}

function show(
  bytes: number,
  free: ReadonlyMap<string, number>,
  rounds: readonly ReadonlyMap<string, Measured>[],
): object[] {
  console.log(
    `\nEvents of ${bytes} bytes, one way, into a handler: medians of ${rounds.length} rounds, ratios to ours of as many peers\n`,
  );
  printHead([
    'server',
    'events/s without loss',
    `at ${OFFERED}/s: CPU µs`,
    'lost',
    'at full load: events/s',
    'events a CPU second',
    'ratio',
    'lost',
  ]);
  return ROWS.map(({ name, base }) => {
    const of = (read: (measured: Measured) => number): number =>
      median(rounds.map((outcomes) => read(outcomes.get(name)!)));
    const ratio = median(
      rounds.map((outcomes) => outcomes.get(base)!.full.cpuMicros / outcomes.get(name)!.full.cpuMicros),
    );
    const row = {
      name,
      bytes,
      withoutLoss: free.get(name)!,
      offered: { cpuMicros: of(({ offered }) => offered.cpuMicros), lost: of(({ offered }) => offered.lost) },
      full: {
        perSecond: of(({ full }) => full.handledPerSecond),
        perCpuSecond: of(({ full }) => 1e6 / full.cpuMicros),
        ratio,
        lost: of(({ full }) => full.lost),
      },
    };
    printRow([
      name,
      Math.round(row.withoutLoss).toString(),
      row.offered.cpuMicros.toFixed(1),
      percent(row.offered.lost),
      Math.round(row.full.perSecond).toString(),
      Math.round(row.full.perCpuSecond).toString(),
      `${ratio.toFixed(2)}x`,
      percent(row.full.lost),
    ]);
    return row;
  });
}

/** Looks between what surely comes through and more than any can take. */
async function rateWithoutLoss(offer: (perSecond: number) => Promise<Outcome>): Promise<number> {
  let [least, most] = [1000, 300_000];
  for (let step = 0; step < STEPS; step++) {
    const middle = Math.sqrt(least * most);
    if (await isKept(offer, middle)) least = middle;
    else most = middle;
  }
  return least;
}

/** Whether nothing is lost in one of a few tries: other programs of the machine may hold up any of them. */
async function isKept(offer: (perSecond: number) => Promise<Outcome>, perSecond: number): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const outcome = await offer(perSecond);
    if (outcome.perSecond <= 0.95 * perSecond) return false;
    if (outcome.lost <= LOST) return true;
  }
  return false;
}

async function send(
  server: Child,
  load: Child,
  wire: Wire,
  bytes: number,
  perSecond: number,
  milliseconds: number,
): Promise<Outcome> {
  const before = await server.ask<ServerFigures>('figures');
  const order: LoadOrder = {
    kind: 'events',
    wire,
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

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

interface Row {
  readonly name: string;
  /** The process that is asked. */
  readonly server: string;
  /** The row that it is compared with. */
  readonly base: string;
  readonly wire?: Wire;
}

/** What one peer sends in a row, the kernel may hand over as one; of many peers in turns it cannot. */
const ROWS: readonly Row[] = [
  { name: 'dgram JSON', server: 'dgram JSON', base: 'ours' },
  { name: 'ours', server: 'ours', base: 'ours' },
  { name: 'ours, limits set', server: 'ours, limits set', base: 'ours' },
  { name: 'ours, batch driver', server: 'ours, batch driver', base: 'ours' },
  { name: 'ours, batch driver, limits set', server: 'ours, batch driver, limits set', base: 'ours' },
  { name: 'ours, 64 peers', server: 'ours', base: 'ours, 64 peers', wire: 'plain by many' },
  {
    name: 'ours, batch driver, 64 peers',
    server: 'ours, batch driver',
    base: 'ours, 64 peers',
    wire: 'plain by many',
  },
];

const OFFERED = 120_000;

const WARM_UP = 30_000;

const WARM_UP_SLICES = 2;

const STEPS = 7;

const TRIES = 3;

const LOST = 0.001;
