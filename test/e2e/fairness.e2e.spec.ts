import { randomBytes } from 'node:crypto';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  TrafficClass,
  type ThrottledUdpTransportOptions,
  type TrafficClassName,
  type UploadThrottle,
} from '../../src/index.js';
import type { Answers } from '../programs/asking-peer.js';
import type { Flood, Received } from '../programs/flooding-peer.js';
import { startService, type TestService } from '../support/apps.js';
import { AskingPeer, FloodingPeer } from '../support/peer-processes.js';
import { seededRandom } from '../support/seeded.js';

/** Seconds of each measurement; `npm run test:real` takes a minute. */
const SECONDS = Number(process.env['REAL_SECONDS'] ?? 2);

/** Whether delays are held to what is promised of a machine that has nothing else to do. */
const IS_REAL = SECONDS >= 60;

const TIMEOUT_MS = 60_000 + SECONDS * 1000;

const HOST = '127.0.0.1';

const LARGEST_BYTES = 1200;

@Controller()
class PadController {
  @MessagePattern('pad') pad(@Payload() bytes: number): string {
    return 'x'.repeat(bytes);
  }

  @MessagePattern('urgent') @TrafficClass('control') urgent(@Payload() bytes: number): string {
    return 'x'.repeat(bytes);
  }
}

let flooders: FloodingPeer[];
let asker: AskingPeer;
let service: TestService;
let upload: UploadThrottle;
let random: () => number;
/** Aborted at the end of a test: nothing more is sent. */
let over: AbortController;

beforeAll(async () => {
  flooders = await Promise.all(Array.from({ length: 8 }, () => FloodingPeer.open()));
  asker = await AskingPeer.open();
});

afterAll(() => Promise.all([...flooders, asker].map((peer) => peer.close())));

beforeEach(() => {
  const seed = Number(process.env['FUZZ_SEED'] ?? randomBytes(4).readUInt32BE());
  process.stdout.write(`sizes of datagrams, seed ${seed}\n`);
  random = seededRandom(seed);
  over = new AbortController();
});

afterEach(async () => {
  over.abort();
  await Promise.all(flooders.map((flooder) => flooder.calm()));
  await service.close();
});

describe('eight peers that flood', () => {
  // Who sends more at a time, or larger ones, or asks more often, would get more where nothing is fair.
  const floods: [how: string, (flooder: FloodingPeer, index: number) => Promise<unknown>][] = [
    ['are sent', (flooder, index) => keepSending(flooder, 64 * (index + 1), largest(index))],
    ['ask for', (flooder, index) => flooder.flood(floodNo(index))],
  ];

  it.each(floods)(
    'get the same bytes, however much they %s, and leave the ninth its own',
    async (how, flood) => {
      await start({ upload: '800 kB/s', perPeer: { key: 'address-port' } });
      const ninth = upload.peer({ host: HOST, port: asker.port });
      const alone = await ask('pad', 20, Math.max(1, SECONDS / 6));
      await Promise.all(flooders.map(flood));
      let received: Reception[];
      let answers: Answers;
      do {
        await untilQueued(600_000);
        // Watched from here on.
        ninth.stats();
        [received, answers] = await Promise.all([received10s(), ask('pad', 20, SECONDS)]);
        // Where those that flood got no processor time, there was no flood to be kept from: once more.
      } while (upload.stats().queuedBytes < 300_000);
      const fairness = jainIndex(received.map(({ bytesPerSecond }) => bytesPerSecond));
      const { sojournP50Ms, bytesPerSecond1s } = upload.stats();
      tell(`peers that ${how} too much`, {
        "Jain's index": fairness,
        'datagrams a second each': received.map(({ datagramsPerSecond }) => datagramsPerSecond),
        'bytes a second': bytesPerSecond1s,
        ...roundTrips(answers),
        'ms in the queue p99': ninth.stats().sojournP99Ms,
        'ms in the queue of those that flood p50': sojournP50Ms,
        'alone ms p50, p95, p99': quantiles(alone, 0.5, 0.95, 0.99),
      });
      expect(fairness).toBeGreaterThanOrEqual(0.99);
      expectAnswers(answers);
      expectQuick(answers, { p95: 10, p99: 10 }, sojournP50Ms);
      if (!IS_REAL) return;
      expect(Math.min(...received.map(({ datagramsPerSecond }) => datagramsPerSecond))).toBeGreaterThan(100);
      expect(ninth.stats().sojournP99Ms).toBeLessThan(10);
    },
    TIMEOUT_MS,
  );
});

// All of them are one peer here, so that nothing but their class tells datagrams apart.
describe('traffic classes of one peer', () => {
  it(
    'let what is urgent pass what is bulk',
    async () => {
      await start({ upload: '1 MB/s' });
      const alone = await ask('urgent', 50, Math.max(1, SECONDS / 6));
      await keepSending(flooders[0]!, 512, LARGEST_BYTES, 'bulk');
      await untilQueued(200_000);
      const answers = await ask('urgent', 50, SECONDS);
      const { classes, bytesPerSecond1s } = upload.stats();
      tell('control beside bulk', {
        'bytes a second': bytesPerSecond1s,
        ...roundTrips(answers),
        'ms in the queue p50, p99': [classes.control.sojournP50Ms, classes.control.sojournP99Ms],
        'ms in the queue of bulk p50': classes.bulk.sojournP50Ms,
        'alone ms p50, p95, p99': quantiles(alone, 0.5, 0.95, 0.99),
      });
      expectAnswers(answers);
      expectQuick(answers, { p95: 5 + LARGEST_BYTES / 1000, p99: 10 }, classes.bulk.sojournP50Ms);
      if (IS_REAL) expect(classes.control.sojournP99Ms).toBeLessThan(10);
    },
    TIMEOUT_MS,
  );

  it.each<readonly [flooding: string, names: readonly TrafficClassName[]]>([
    ['control floods', ['control', 'bulk']],
    ['control and interactive flood', ['control', 'interactive', 'bulk']],
  ])(
    'leave bulk its share while %s',
    async (_flooding, names) => {
      await start({ upload: '1 MB/s' });
      await Promise.all(names.map((name, index) => keepSending(flooders[index]!, 256, LARGEST_BYTES, name)));
      await untilQueued(256 * (LARGEST_BYTES / 4));
      const received = (await received10s()).slice(0, names.length);
      const total = received.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
      const shares = received.map(({ bytesPerSecond }) => bytesPerSecond / total);
      tell(`shares of ${names.join(', ')}`, { 'of the bytes': shares, 'bytes a second': total });
      // In two seconds bulk is some 170 datagrams of random sizes: a few more or less are chance.
      expect(shares.at(-1)).toBeGreaterThanOrEqual(IS_REAL ? 0.05 : 0.045);
      expect(shares[0]).toBeGreaterThanOrEqual(0.25);
    },
    TIMEOUT_MS,
  );
});

async function start(options: ThrottledUdpTransportOptions): Promise<void> {
  service = await startService([PadController], { ...options, drainTimeout: 0 });
  ({ upload } = service.transport);
}

function ask(pattern: string, requestsPerSecond: number, seconds: number): Promise<Answers> {
  return asker.ask({ port: service.port, pattern, requestsPerSecond, seconds });
}

/** Keeps so many datagrams waiting for a peer, of random sizes. */
async function keepSending(
  { port }: FloodingPeer,
  waiting: number,
  maxBytes: number,
  trafficClass: TrafficClassName = 'interactive',
): Promise<void> {
  const data = Buffer.alloc(maxBytes, 0x2e);
  const send = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const bytes = Math.ceil(random() * maxBytes);
      await service.transport.send(data.subarray(0, bytes), { host: HOST, port }, { trafficClass });
    }
  };
  for (let i = 0; i < waiting; i++) send().catch(ignore);
}

function floodNo(index: number): Flood {
  const requestsPerSecond = 250 + 25 * index;
  return { port: service.port, requestsPerSecond, maxBytes: largest(7 - index), seed: index + 1 };
}

/** 700 to 1400 bytes. */
function largest(index: number): number {
  return 700 + 100 * index;
}

async function untilQueued(bytes: number): Promise<void> {
  while (upload.stats().queuedBytes < bytes) await sleep(10);
}

interface Reception {
  readonly bytesPerSecond: number;
  readonly datagramsPerSecond: number;
}

/** What each of those that flood receives in ten seconds, or in as many as there are. */
async function received10s(): Promise<Reception[]> {
  const seconds = Math.min(10, SECONDS);
  const report = (): Promise<Received[]> => Promise.all(flooders.map((flooder) => flooder.received()));
  const before = await report();
  await sleep(seconds * 1000);
  const after = await report();
  return after.map(({ bytes, datagrams }, index) => ({
    bytesPerSecond: (bytes - before[index]!.bytes) / seconds,
    datagramsPerSecond: (datagrams - before[index]!.datagrams) / seconds,
  }));
}

/** 1 when all have the same, 1 / n when one has all. */
function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return sum ** 2 / (values.length * values.reduce((total, value) => total + value ** 2, 0));
}

function quantiles({ roundTripsMs }: Answers, ...shares: readonly number[]): number[] {
  const sorted = roundTripsMs.toSorted((a, b) => a - b);
  return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN);
}

/** None is refused, and none lost but by the kernel, which drops what a process that gets no turn does not read. */
function expectAnswers({ roundTripsMs, failures }: Answers): void {
  expect(failures.filter((code) => code !== 'UDP_REQUEST_TIMEOUT')).toEqual([]);
  expect(failures.length).toBeLessThanOrEqual(service.transport.stats().kernelDrops ?? 0);
  expect(roundTripsMs.length).toBeGreaterThan(failures.length);
}

/**
 * @param promisedMs what holds on a machine that has nothing else to do
 * @param otherMs what those wait who must wait: on a machine that is busy, most answers still take a part of it
 */
function expectQuick(
  answers: Answers,
  promisedMs: { readonly p95: number; readonly p99: number },
  otherMs: number,
): void {
  const [p50 = NaN, p95, p99] = quantiles(answers, 0.5, 0.95, 0.99);
  expect(p50).toBeLessThan(otherMs / 4);
  if (!IS_REAL) return;
  expect(p95).toBeLessThanOrEqual(promisedMs.p95);
  expect(p99).toBeLessThanOrEqual(promisedMs.p99);
}

function roundTrips(answers: Answers): Record<string, number | readonly number[]> {
  return {
    answers: answers.roundTripsMs.length,
    'lost by the kernel': answers.failures.length,
    'round trips ms p50, p95, p99': quantiles(answers, 0.5, 0.95, 0.99),
  };
}

function tell(what: string, figures: Record<string, number | readonly number[]>): void {
  const lines = Object.entries(figures).map(([name, value]) => `  ${name}: ${textOf(value)}\n`);
  const load = loadavg()[0] ?? NaN;
  process.stdout.write(`${what}, ${SECONDS} s, load ${load.toFixed(1)}\n${lines.join('')}`);
}

function textOf(value: number | readonly number[]): string {
  return [value]
    .flat()
    .map((each) => String(Number(each.toPrecision(4))))
    .join(', ');
}

function ignore(): void {}
