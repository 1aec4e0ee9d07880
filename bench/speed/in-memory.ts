/**
 * A server without a kernel, as a process of its own: `node in-memory.js <order as JSON>`. Datagrams are handed to it
 * as a socket would, and what it sends is counted.
 */
import 'reflect-metadata';
import { Session } from 'node:inspector';
import { Logger } from '@nestjs/common';
import { PeerAddress, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { answerTo, PATTERN, READING, type Reading } from './handler.js';

export interface InMemoryOrder {
  /** Addresses that ask in turn. */
  readonly peers: number;
  /** Handlers that are registered. */
  readonly patterns: number;
  /** Datagrams of other peers that wait for their limit all the time. */
  readonly queued: number;
  /** Whether limits are set, which nothing but the waiting ones reaches. */
  readonly limits: boolean;
}

export interface InMemoryResult {
  readonly cpuMicros: number;
  /** A request; only measured when asked for, as that takes time. */
  readonly allocatedBytes: number;
}

type Environment = NonNullable<ConstructorParameters<typeof ThrottledUdpTransport>[1]>;
type SocketEvents = Parameters<Environment['createSocket']>[1];

const order = JSON.parse(process.argv[2] ?? '{}') as InMemoryOrder;
let socket: SocketEvents | undefined;
let answered = 0;

const environment: Environment = {
  scheduler: {
    now: () => performance.now(),
    timeOrigin: performance.timeOrigin,
    after(delayMs, task) {
      const timer = setTimeout(task, Math.min(delayMs, 2 ** 31 - 1));
      return () => clearTimeout(timer);
    },
    soon: (task) => void setImmediate(task),
  },
  createSocket: (_options, events) => {
    socket = events;
    return {
      driver: 'memory',
      bind: async () => ({ address: '10.0.0.1', port: 1, family: 'IPv4' }),
      connect: async () => undefined,
      send(batch) {
        for (const datagram of batch) {
          answered++;
          datagram.done();
        }
      },
      bufferSizes: () => ({ recv: 0, send: 0 }),
      close: async () => undefined,
      unwrap: () => undefined,
    };
  },
};

const limits = {
  upload: '100 GB/s',
  download: '100 GB/s',
  perPeer: { upload: '1 GB/s', download: '1 GB/s', maxPeers: 200_000 },
  // For those that wait longer than any measurement takes.
  queue: { maxAge: 2 ** 31 },
} as const;

Logger.overrideLogger(['warn', 'error']);
const transport = new ThrottledUdpTransport(
  { host: '10.0.0.1', addressValidation: false, ...(order.limits ? limits : {}) },
  environment,
);
const handler = async (data: Reading): Promise<object> => answerTo(data);
const names = Array.from({ length: order.patterns }, (_, nth) => `${PATTERN}.${nth}`);
for (const name of names) transport.addHandler(name, handler as never);
await new Promise<void>((resolve) => transport.listen(() => resolve()));
// What waits: for peers whose own limit lets nothing through.
for (let nth = 0; nth < order.queued; nth++) {
  const port = 1 + (nth % 100);
  transport.upload.peer({ host: '10.1.0.1', port }).setRate(100);
  transport.send(Buffer.alloc(100), { host: '10.1.0.1', port }).catch(() => undefined);
}
await new Promise((resolve) => setImmediate(resolve));
const { queuedDatagrams } = transport.stats().upload;
if (queuedDatagrams < 0.9 * order.queued) throw new Error(`only ${queuedDatagrams} datagrams wait`);

const peers = Array.from(
  { length: order.peers },
  (_, nth) =>
    new PeerAddress(`10.${2 + (nth >> 16)}.${(nth >> 8) & 255}.${nth & 255}`, 1024 + (nth % 60_000), 'IPv4'),
);
const NO_ID = '0'.repeat(16);
const templates = names.map((pattern) => {
  const stamp = `b92989b4bc872cd501${'0'.repeat(8)}ffffffff${'0'.repeat(8)}`;
  return Buffer.from(JSON.stringify({ v: 1, x: stamp, pattern, data: READING, id: NO_ID }));
});
const idsAt = templates.map((template) => template.lastIndexOf(NO_ID));
let asked = 0;

function ask(): void {
  const nth = asked++;
  const which = nth % templates.length;
  const data = Buffer.from(templates[which]!);
  data.write(nth.toString(16).padStart(16, '0'), idsAt[which]!, 'latin1');
  const { address, port } = peers[nth % peers.length]!;
  // As the socket makes it of most datagrams, where there are many peers.
  socket?.onDatagrams([{ data, peer: PeerAddress.of(address, port) }]);
}

async function run(requests: number): Promise<void> {
  for (let nth = 1; nth <= requests; nth++) {
    ask();
    // As many as Node hands over in a turn.
    if (nth % 32 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Bytes that so many requests allocate, kept or not. */
async function allocations(requests: number): Promise<number> {
  const session = new Session();
  session.connect();
  const post = <T>(method: string, parameters: object = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      session.post(method, parameters, (error, result) => (error ? reject(error) : resolve(result as T)));
    });
  await post('HeapProfiler.startSampling', {
    samplingInterval: 4096,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await run(requests);
  const { profile } = await post<{ profile: { head: AllocationNode } }>('HeapProfiler.getSamplingProfile');
  session.disconnect();
  return sizeOf(profile.head) / requests;
}

interface AllocationNode {
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

function sizeOf({ selfSize, children }: AllocationNode): number {
  return children.reduce((sum, child) => sum + sizeOf(child), selfSize);
}

process.on('message', (question) => {
  void (async () => {
    const before = { ...process.cpuUsage(), answered };
    const allocatedBytes = question === 'allocations' ? await allocations(ALLOCATING) : NaN;
    if (question !== 'allocations') await run(Math.max(REQUESTS, order.peers));
    const { user, system } = process.cpuUsage(before);
    const requests = answered - before.answered;
    process.send!({ cpuMicros: (user + system) / requests, allocatedBytes } satisfies InMemoryResult);
  })();
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');

const REQUESTS = 40_000;

const ALLOCATING = 20_000;
