/**
 * A peer as a process of its own: counts what it receives and, when told to, asks for more than it can get.
 * It runs none of our code; whoever forked it speaks to it in {@link FloodingOrder}s.
 */
import { createSocket } from 'node:dgram';
import { seededRandom } from '../support/seeded.js';

export type FloodingOrder = 'report' | 'calm' | { readonly flood: Flood };

/** Requests for replies of random sizes, without waiting for any. */
export interface Flood {
  readonly port: number;
  readonly requestsPerSecond: number;
  /** Largest reply asked for, in bytes. */
  readonly maxBytes: number;
  readonly seed: number;
}

/** What has come since the start. */
export interface Received {
  readonly bytes: number;
  readonly datagrams: number;
}

let bytes = 0;
let datagrams = 0;
let timer: NodeJS.Timeout | undefined;

// The kernel grants less when its limit is lower: enough for a moment in which another process has the machine.
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 ** 2 });
socket.on('message', (data) => {
  bytes += data.length;
  datagrams++;
});
socket.bind(0, '127.0.0.1', () => process.send?.({ port: socket.address().port }));

process.on('message', (order: FloodingOrder) => {
  if (order === 'calm') clearInterval(timer);
  else if (order !== 'report') flood(order.flood);
  process.send?.({ bytes, datagrams } satisfies Received);
});

process.on('disconnect', () => process.exit());

function flood({ port, requestsPerSecond, maxBytes, seed }: Flood): void {
  const random = seededRandom(seed);
  const startMs = performance.now();
  let asked = 0;
  timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * requestsPerSecond;
    for (; asked < due; asked++) {
      const data = Math.ceil(random() * maxBytes);
      socket.send(JSON.stringify({ pattern: 'pad', data, id: String(asked) }), port, '127.0.0.1');
    }
  }, 5);
}
