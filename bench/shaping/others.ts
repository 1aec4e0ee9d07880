/** The same work through one way of limiting, in a process of its own: what passes at once, and what waits. */
import { setTimeout as sleep } from 'node:timers/promises';
import Bottleneck from 'bottleneck';
import { TokenBucket } from 'limiter';
import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible';
import { OptionReader } from '../../src/common/option-reader.js';
import { EndpointEvents } from '../../src/endpoint/endpoint.events.js';
import { readEndpointOptions } from '../../src/endpoint/endpoint.options.js';
import { USUAL_PASSAGE } from '../../src/endpoint/passage.js';
import { systemScheduler } from '../../src/endpoint/scheduler.js';
import { Uplink } from '../../src/endpoint/uplink.js';
import { serve } from './child.js';
import { BenchDatagram, createPeers, createShaper, DATAGRAM_BYTES } from './work.js';

export type Way = keyof typeof WAYS;

export interface OthersSettings {
  readonly way: Way;
}

export interface OthersResult {
  /** Nanoseconds for a datagram that the limit lets pass; `undefined` where each one waits. */
  readonly passNs: number | undefined;
  /** Processor time for a datagram that waits among many, with all that wakes and tells, microseconds. */
  readonly waitCpuUs: number;
  readonly bytesPerSecond: number;
  /** Most bytes that left within 100 ms. */
  readonly mostBytes: number;
}

/** One way of limiting, with one limit for all. */
interface Contender {
  /** Asks for one datagram while the limit is far. */
  readonly pass?: (number: number) => unknown;
  /** Resolves when a datagram may leave. */
  readonly wait: (number: number) => Promise<unknown>;
  /** Datagrams that it can have waiting. */
  readonly waiting: number;
}

const WAYS = { ours, limiter, bottleneck, 'rate-limiter-flexible': flexible, 'send, then sleep': sleeping };

serve(async ({ way }: OthersSettings): Promise<OthersResult> => {
  const contender = WAYS[way]();
  const passNs = contender.pass === undefined ? undefined : await timePasses(contender.pass);
  const result = { passNs, ...(await timeWaits(contender)) };
  // Some keep timers: nothing is left to wait for.
  setImmediate(() => process.exit());
  return result;
});

function ours(): Contender {
  const peers = createPeers(PEERS);
  const shaper = createShaper({ upload: FAR_BYTES_PER_SECOND });
  const options = readEndpointOptions(new OptionReader({ upload: BYTES_PER_SECOND }, ''), '127.0.0.1', 0);
  const uplink = new Uplink(options, {
    scheduler: systemScheduler,
    events: new EndpointEvents(() => {}),
    transmit: (batch) => {
      for (const outgoing of batch) outgoing.done();
    },
    onUnreachable: () => {},
  });
  const data = Buffer.alloc(DATAGRAM_BYTES);
  return {
    pass: (number) =>
      shaper.offer(new BenchDatagram(peers[number % PEERS]!, DATAGRAM_BYTES, undefined), performance.now()),
    wait: (number) =>
      new Promise<void>((resolve, reject) => {
        uplink.post(data, peers[number % PEERS]!, { left: () => resolve(), dropped: reject }, USUAL_PASSAGE);
      }),
    waiting: WAITING,
  };
}

function limiter(): Contender {
  const far = new TokenBucket({ ...bucketOf(FAR_BYTES_PER_SECOND), interval: 'second' });
  const bucket = new TokenBucket({ ...bucketOf(BYTES_PER_SECOND), interval: 'second' });
  // It starts empty.
  far.content = far.bucketSize;
  return {
    pass: () => far.tryRemoveTokens(DATAGRAM_BYTES),
    wait: () => bucket.removeTokens(DATAGRAM_BYTES),
    waiting: WAITING,
  };
}

function bucketOf(bytesPerSecond: number): { bucketSize: number; tokensPerInterval: number } {
  return { bucketSize: bytesPerSecond * BURST_SECONDS, tokensPerInterval: bytesPerSecond };
}

function bottleneck(): Contender {
  const far = new Bottleneck({ reservoir: Number.MAX_SAFE_INTEGER });
  // A quarter of a second is the shortest that it refills in.
  const amount = BYTES_PER_SECOND / 4;
  const near = new Bottleneck({
    reservoir: 0,
    reservoirIncreaseInterval: 250,
    reservoirIncreaseAmount: amount,
    reservoirIncreaseMaximum: amount,
  });
  return {
    pass: () => far.schedule({ weight: DATAGRAM_BYTES }, nothing),
    wait: () => near.schedule({ weight: DATAGRAM_BYTES }, nothing),
    waiting: WAITING,
  };
}

function flexible(): Contender {
  const far = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 1 });
  const queue = new RateLimiterQueue(new RateLimiterMemory({ points: BYTES_PER_SECOND, duration: 1 }));
  return {
    pass: () => far.consume('all', DATAGRAM_BYTES),
    wait: () => queue.removeTokens(DATAGRAM_BYTES),
    waiting: WAITING,
  };
}

/** The method of the seed of this project: one datagram at a time, each followed by its time at the rate. */
function sleeping(): Contender {
  return { wait: () => sleep((DATAGRAM_BYTES / BYTES_PER_SECOND) * 1000), waiting: 1 };
}

async function timePasses(pass: (number: number) => unknown): Promise<number> {
  let leastNs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    let done = 0;
    // One that waits for a timer each time comes to a few hundred.
    while (done < PASSES && performance.now() - startMs < ROUND_MS) {
      for (const endOfLot = done + LOT; done < endOfLot; done++) {
        const answer = pass(done);
        if (answer instanceof Promise) await answer;
      }
    }
    leastNs = Math.min(leastNs, ((performance.now() - startMs) * 1e6) / done);
  }
  return leastNs;
}

async function timeWaits({ wait, waiting }: Contender): Promise<Omit<OthersResult, 'passNs'>> {
  const bins: number[] = [];
  const startMs = performance.now();
  let asked = 0;
  let left = 0;
  const keepWaiting = async (): Promise<void> => {
    for (;;) {
      await wait(asked++);
      left++;
      const bin = Math.floor((performance.now() - startMs) / BIN_MS);
      while (bins.length <= bin) bins.push(0);
      bins[bin]! += DATAGRAM_BYTES;
    }
  };
  for (let i = 0; i < waiting; i++) void keepWaiting();
  await sleep(WARM_UP_MS);
  const before = { left, cpu: process.cpuUsage(), ms: performance.now(), bin: bins.length };
  await sleep(RUN_MS);
  const { user, system } = process.cpuUsage(before.cpu);
  const datagrams = left - before.left;
  return {
    waitCpuUs: (user + system) / datagrams,
    bytesPerSecond: (datagrams * DATAGRAM_BYTES * 1000) / (performance.now() - before.ms),
    mostBytes: Math.max(...bins.slice(before.bin)),
  };
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

const PEERS = 1000;

/** 5,000 datagrams a second. */
export const BYTES_PER_SECOND = 6e6;

const FAR_BYTES_PER_SECOND = 1e12;

const WAITING = 1000;

// As ours by default.
const BURST_SECONDS = 0.02;

const PASSES = 20_000;

const LOT = 100;

const ROUND_MS = 500;

const ROUNDS = 9;

const WARM_UP_MS = 1000;

const RUN_MS = 4000;

const BIN_MS = 100;
