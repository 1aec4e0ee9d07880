/**
 * What the shaper costs: time and heap for a datagram that passes at once, time for one that waits, heap for
 * peers, flows looked at behind one limit; and the same work through other limiters. Pure computation, but for
 * the last.
 *
 *     npm run bench:shaping -- [--only passes,waits,memory,shared,others]
 */
import { parseArgs } from 'node:util';
import { percentText, printHead, printRow, rateText, writeResults } from './report.js';
import { inChild } from './shaping/child.js';
import type { InlineResult, InlineSettings } from './shaping/inline.js';
import type { MemoryResult } from './shaping/memory.js';
import type { OthersResult, OthersSettings, Way } from './shaping/others.js';
import type { QueuedResult, QueuedSettings } from './shaping/queued.js';
import type { SharedLimitResult, SharedLimitSettings } from './shaping/shared-limit.js';

const SECTIONS: Readonly<Record<string, () => Promise<unknown>>> = {
  passes,
  waits,
  memory,
  shared,
  others,
};

async function passes(): Promise<unknown> {
  title('A datagram that passes at once', 'at most 500 ns, and no heap of the shaper itself');
  printHead(['limits', 'time', 'without a shaper', 'heap of 10^6', 'without a shaper', 'the shaper itself']);
  const results: object[] = [];
  for (const { name, perPeer, handler } of INLINE_CASES) {
    const ask = (through: InlineSettings['through'], flags?: readonly string[]): Promise<InlineResult> =>
      inChild<InlineResult>('inline', { through, perPeer, handler } satisfies InlineSettings, flags);
    const [time, timeWithout] = [await ask('shaper'), await ask('nothing')];
    const [heap, heapWithout] = [await ask('shaper', NO_GC_FLAGS), await ask('nothing', NO_GC_FLAGS)];
    if (heap.collections + heapWithout.collections > 0) throw new Error('a collection fell in between');
    const ownBytes = heap.heapBytesPerDatagram - heapWithout.heapBytesPerDatagram;
    results.push({ name, time, timeWithout, heap, heapWithout, ownBytes });
    printRow([
      name,
      nsText(time.nsPerDatagram),
      nsText(timeWithout.nsPerDatagram),
      `${heap.heapBytesPerDatagram.toFixed(2)} B each`,
      `${heapWithout.heapBytesPerDatagram.toFixed(2)} B each`,
      `${ownBytes.toFixed(2)} B each`,
    ]);
  }
  return results;
}

async function waits(): Promise<unknown> {
  title('A datagram that waits: offered and released', 'at most 2 µs, and at most 1.5 times as much');
  printHead(['limits', ...PEER_COUNTS.map((peers) => `${numberText(peers)} peers`), 'growth', 'backlog']);
  const results: object[] = [];
  for (const eachCase of QUEUED_CASES) {
    for (const backlog of [Math.max(...PEER_COUNTS), undefined]) {
      const row: number[] = [];
      for (const peers of PEER_COUNTS) {
        const settings = { ...eachCase.of(peers), peers, backlog: backlog ?? peers };
        row.push((await inChild<QueuedResult>('queued', settings satisfies QueuedSettings)).nsPerDatagram);
      }
      const growth = row.at(-1)! / row[0]!;
      const what = backlog === undefined ? 'one a peer' : `${numberText(backlog)} in all`;
      results.push({ name: eachCase.name, backlog: what, peers: PEER_COUNTS, nsPerDatagram: row, growth });
      printRow([eachCase.name, ...row.map(nsText), `${growth.toFixed(2)} x`, what]);
    }
  }
  return results;
}

async function memory(): Promise<unknown> {
  title('Peers with limits of their own', '300 B each, 100,000 within 40 MB; nobody forgotten who owes');
  const result = await inChild<MemoryResult>('memory', {});
  const { idle, forged } = result;
  printHead(['what', 'measured']);
  printRow([`${numberText(idle.peers)} idle peers`, megabytesText(idle.bytes)]);
  printRow(['each', `${(idle.bytes / idle.peers).toFixed(0)} B`]);
  printRow([`${numberText(forged.addresses)} forged addresses, all`, megabytesText(forged.bytes)]);
  printRow(['most peers remembered at once', numberText(forged.mostPeers)]);
  printRow([
    `of ${numberText(forged.known)} known peers with a debt or a queue, forgotten`,
    String(forged.forgotten),
  ]);
  printRow(['time for a forged datagram', nsText(forged.nsPerDatagram)]);
  return result;
}

async function shared(): Promise<unknown> {
  title('Flows that wait for the limit of one handler', 'as few looked at, however many wait');
  printHead(['waiting flows', 'looked at for a release', 'heap operations for a release']);
  const results: object[] = [];
  for (const flows of [10, 1000, 100_000]) {
    const result = await inChild<SharedLimitResult>('shared-limit', { flows } satisfies SharedLimitSettings);
    results.push({ flows, ...result });
    printRow([numberText(flows), result.flowsLookedAt.toFixed(2), result.heapOperations.toFixed(2)]);
  }
  return results;
}

async function others(): Promise<unknown> {
  title('The same through other limiters', 'one limit of 6 MB/s, 1,000 datagrams of 1200 B waiting');
  printHead([
    'through',
    'passes',
    'to ours',
    'waits, CPU',
    'to ours',
    'rate',
    'error',
    'most in 100 ms',
    'not',
  ]);
  const results: object[] = [];
  let our: OthersResult | undefined;
  for (const [way, lacks] of Object.entries(LACKS) as [Way, string][]) {
    const result = await inChild<OthersResult>('others', { way } satisfies OthersSettings);
    our ??= result;
    results.push({ way, ...result });
    const { passNs, waitCpuUs, bytesPerSecond, mostBytes } = result;
    printRow([
      way,
      passNs === undefined ? 'never' : nsText(passNs),
      passNs === undefined ? '' : `${(passNs / our.passNs!).toFixed(1)} x`,
      `${waitCpuUs.toFixed(1)} µs`,
      `${(waitCpuUs / our.waitCpuUs).toFixed(1)} x`,
      rateText(bytesPerSecond),
      percentText((bytesPerSecond / WANTED_BYTES_PER_SECOND - 1) * 100),
      `${(mostBytes / 1e3).toFixed(0)} kB`,
      lacks,
    ]);
  }
  return results;
}

const { values } = parseArgs({ options: { only: { type: 'string' } } });

const INLINE_CASES = [
  { name: 'transport', perPeer: false, handler: false },
  { name: 'transport, peers', perPeer: true, handler: false },
  { name: 'transport, peers, handler', perPeer: true, handler: true },
] as const;

const PEER_COUNTS: readonly number[] = [10, 1000, 100_000];

/** 1 GB/s in all: less than a second for the whole backlog, whatever limits it. */
const QUEUED_BYTES_PER_SECOND = 1e9;

const QUEUED_CASES: readonly {
  readonly name: string;
  readonly of: (peers: number) => Omit<QueuedSettings, 'peers' | 'backlog'>;
}[] = [
  { name: 'transport', of: () => transportLimited({}) },
  { name: 'transport, next event asked for each', of: () => ({ ...transportLimited({}), asks: true }) },
  { name: "transport, 'drop-fattest'", of: () => transportLimited({ queue: { overflow: 'drop-fattest' } }) },
  {
    name: 'transport, peers that are below theirs',
    of: () => transportLimited({ perPeer: { upload: '1 GB/s', maxPeers: MAX_PEERS } }),
  },
  {
    name: 'each peer at its own limit',
    of: (peers) => ({
      bytesPerSecond: QUEUED_BYTES_PER_SECOND,
      shaper: {
        queue: { maxAge: Infinity },
        perPeer: { upload: { rate: QUEUED_BYTES_PER_SECOND / peers, burst: 2400 }, maxPeers: MAX_PEERS },
      },
    }),
  },
  {
    name: 'one handler',
    of: () => ({
      bytesPerSecond: QUEUED_BYTES_PER_SECOND,
      shaper: {},
      sharedLimit: QUEUED_BYTES_PER_SECOND,
    }),
  },
];

function transportLimited(shaper: QueuedSettings['shaper']): Omit<QueuedSettings, 'peers' | 'backlog'> {
  return {
    bytesPerSecond: QUEUED_BYTES_PER_SECOND,
    shaper: { upload: QUEUED_BYTES_PER_SECOND, ...shaper },
  };
}

const MAX_PEERS = 2 ** 17;

const WANTED_BYTES_PER_SECOND = 6e6;

/** What each cannot do of what a shaper of datagrams does. */
const LACKS: Readonly<Record<Way, string>> = {
  ours: '',
  limiter:
    'fairness, classes, bounds of the queue, ages, drops; a datagram above the burst is refused for ever',
  bottleneck: 'a rate below 250 ms, fairness (priorities starve), bounds in bytes, debts',
  'rate-limiter-flexible':
    'a bucket (it counts in windows of a second), fairness, ages below a second, debts',
  'send, then sleep': 'anything that passes at once, a rate above about one datagram a millisecond, a queue',
};

// Half a gigabyte is made before anything is collected.
const NO_GC_FLAGS: readonly string[] = ['--min-semi-space-size=512', '--max-semi-space-size=512'];

function title(what: string, target: string): void {
  console.log(`\n${what} (${target}):\n`);
}

function nsText(ns: number): string {
  return ns < 1000 ? `${ns.toFixed(0)} ns` : `${(ns / 1000).toFixed(2)} µs`;
}

function megabytesText(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function numberText(value: number): string {
  return value.toLocaleString('en');
}

const wanted = (values.only ?? Object.keys(SECTIONS).join(',')).split(',');
const unknown = wanted.filter((name) => !(name in SECTIONS));
if (unknown.length > 0)
  throw new Error(`--only knows ${Object.keys(SECTIONS).join(', ')}; got ${unknown.join(', ')}`);
const results: Record<string, unknown> = {};
for (const name of wanted) results[name] = await SECTIONS[name]!();
await writeResults('shaping', results);
