/**
 * One server of the comparison, as a process of its own: `node server.js <name> [port of its broker]`. It tells the port
 * to ask at over IPC, and its figures whenever it is asked.
 */
import 'reflect-metadata';
import { createSocket, type Socket } from 'node:dgram';
import { existsSync, readdirSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { ServerUdp } from '@pirumu/nest-udp';
import {
  ThrottledUdpTransport,
  type ThrottledUdpTransportOptions,
  type UdpEnvironment,
} from 'nestjs-throttled-udp';
import { freePort } from './free-port.js';
import { BatchDatagramSocket } from '../../src/endpoint/batch/batch-datagram-socket.js';
import { loadLibc, type Libc } from '../../src/endpoint/batch/libc.js';
import { SOL_UDP } from '../../src/endpoint/batch/linux.js';
import { threadMemory } from '../../src/endpoint/batch/thread-memory.js';
import { systemEnvironment } from '../../src/endpoint/udp-environment.js';
import { answerTo, EVENT, eventsSoFar, MeanModule, type Reading } from './handler.js';
import { LeastUdpStrategy } from './least.strategy.js';
import { NaiveUdpStrategy } from './naive.strategy.js';
import { ReadyCodec } from './ready.codec.js';
import { WIDE } from './wide.js';

/** What a server has used since it started. */
export interface ServerFigures {
  /** Seconds of processor time, by the kernel's account of this process. */
  readonly cpuSeconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly rssBytes: number;
  readonly events: number;
  /** Milliseconds spent in garbage collections, and how many there were. */
  readonly gcMs: number;
  readonly gcs: number;
  /** Event-loop delay since the last question, milliseconds. */
  readonly loopDelayP99Ms: number;
  /** Open descriptors of the process; 0 where the system does not tell. */
  readonly descriptors: number;
  /** Datagrams of which something is known: passed, dropped or lost in the kernel; 0 where nobody counts. */
  readonly seen: number;
}

const SERVERS: Readonly<Record<string, (brokerPort: number) => Promise<number>>> = {
  'dgram echo': () => bare((data, reply) => reply(data)),
  'dgram JSON': () =>
    bare((data, reply) => {
      const {
        pattern,
        data: reading,
        id,
      } = JSON.parse(data.toString()) as {
        pattern: string;
        data: Reading;
        id?: string;
      };
      if (pattern === EVENT) return void bareEvents++;
      reply(JSON.stringify({ id, response: answerTo(reading), isDisposed: true }));
    }),
  ours: () => ours({ driver: 'node' }),
  'ours, batch driver': () => ours({ driver: 'batch' }),
  'ours, wide buffer': () => ours({ recvBufferSize: WIDE }),
  'ours, bytes ready': () => ours({ driver: 'node', codec: new ReadyCodec() }),
  'ours, batch driver, bytes ready': () => ours({ driver: 'batch', codec: new ReadyCodec() }),
  'ours, batch driver without UDP_SEGMENT, bytes ready': () =>
    ours({ codec: new ReadyCodec() }, withoutSegments),
  'ours, batch driver without UDP_SEGMENT': () => ours({}, withoutSegments),
  'ours, batch driver, limits set': () => ours({ driver: 'batch', ...LIMITS }),
  'ours, limits set': () => ours({ driver: 'node', ...LIMITS }),
  'Nest TCP': async () => {
    const port = await freePort();
    await serve({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    return port;
  },
  'least UDP strategy': () => plainStrategy(new LeastUdpStrategy()),
  'naive UDP strategy': () => plainStrategy(new NaiveUdpStrategy()),
  // With the socket that it has by default, of plain JSON; its other one also confirms what has arrived. It asks for
  // Nest 10 or 11, and `overrides` in package.json let it have ours.
  '@pirumu/nest-udp': async () => {
    const strategy = new ServerUdp({ host: '0.0.0.0', port: 0 });
    await serve({ strategy });
    return strategy.unwrap<Socket>().address().port;
  },
  'Nest NATS': async (port) => {
    await serve({ transport: Transport.NATS, options: { servers: `nats://127.0.0.1:${port}` } });
    return port;
  },
  'Nest Redis': async (port) => {
    await serve({ transport: Transport.REDIS, options: { host: '127.0.0.1', port } });
    return port;
  },
};

/** So high that nothing reaches them. */
const LIMITS: ThrottledUdpTransportOptions = {
  upload: '1 GB/s',
  download: '1 GB/s',
  perPeer: { upload: '1 GB/s', download: '1 GB/s' },
};

/** As on a kernel that does not cut. Its classes are those of the sources, which to TypeScript are others. */
const withoutSegments = {
  ...systemEnvironment,
  createSocket: async (options, events) => {
    const libc = await loadLibc();
    const setsockopt: Libc['setsockopt'] = (fd, level, ...rest) =>
      level === SOL_UDP ? -1 : libc.setsockopt(fd, level, ...rest);
    return new BatchDatagramSocket({ ...libc, setsockopt }, threadMemory(libc), options, events);
  },
} satisfies typeof systemEnvironment as unknown as UdpEnvironment;

let bareEvents = 0;

async function bare(
  onMessage: (data: Buffer, reply: (data: Buffer | string) => void) => void,
): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (data, { port, address }) => {
    onMessage(data, (reply) => socket.send(reply, port, address));
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket.address().port;
}

let seen = (): number => 0;

async function ours(options: ThrottledUdpTransportOptions, environment?: UdpEnvironment): Promise<number> {
  // Bound to all addresses: so that everything is on that is on by default in production.
  const strategy = new ThrottledUdpTransport({ host: '0.0.0.0', port: 0, ...options }, environment);
  await serve({ strategy });
  seen = () => {
    const { download, kernelDrops = 0 } = strategy.stats();
    const drops = DROPS_AT_THE_GATE.map((reason) => download.drops[reason]?.datagrams ?? 0);
    return download.datagrams + drops.reduce((sum, count) => sum + count, 0) + kernelDrops;
  };
  return strategy.address()!.port;
}

function descriptors(): number {
  return existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS).length : 0;
}

async function plainStrategy(strategy: NaiveUdpStrategy): Promise<number> {
  await serve({ strategy });
  return strategy.port;
}

async function serve(options: MicroserviceOptions): Promise<void> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(MeanModule, {
    ...options,
    logger: false,
  });
  await app.listen();
}

const DESCRIPTORS = '/proc/self/fd';

// Others are counted for datagrams that have passed it.
const DROPS_AT_THE_GATE = ['filtered', 'overflow', 'expired', 'exceeded'];

const start = SERVERS[process.argv[2] ?? ''];
if (start === undefined) throw new Error(`no such server: ${process.argv[2]}`);
const delay = monitorEventLoopDelay({ resolution: 1 });
let gcMs = 0;
let gcs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) {
    gcMs += duration;
    gcs++;
  }
}).observe({ entryTypes: ['gc'] });
process.on('message', (question) => {
  if (question === 'stop') process.exit(0);
  // Not before: the monitor wakes the process each millisecond, which other servers of the comparison pay for too.
  if (question === 'watch the loop') delay.enable();
  const { user, system } = process.cpuUsage();
  const figures: ServerFigures = {
    cpuSeconds: (user + system) / 1e6,
    userSeconds: user / 1e6,
    systemSeconds: system / 1e6,
    rssBytes: process.memoryUsage.rss(),
    events: eventsSoFar() + bareEvents,
    gcMs,
    gcs,
    loopDelayP99Ms: delay.percentile(99) / 1e6,
    descriptors: descriptors(),
    seen: seen(),
  };
  delay.reset();
  process.send!(figures);
});
process.on('disconnect', () => process.exit(0));
process.send!({ port: await start(Number(process.argv[3])) });
