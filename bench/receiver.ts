/**
 * The receiving process: counts datagrams and looks at the clock as each arrives. It knows nothing of the
 * sender, so that what it says is what peers would see. Its argument is how many of them it is.
 */
import { openSocket } from '../src/endpoint/driver.js';
import { resolveSocketOptions } from '../src/endpoint/socket.options.js';

/** What the receiver is told: to start anew with the next datagram, or to say what it has seen since. */
export type ReceiverOrder = 'begin' | 'report';

/** What the receiver tells. */
export type ReceiverMessage = { readonly ports: readonly number[] } | { readonly arrivals: Arrivals };

export interface Arrivals {
  /** All, also those before the clock was started. */
  readonly datagrams: number;
  /** Bytes of payload, those of the first datagram left out: it only starts the clock. */
  readonly bytesAfterFirst: number;
  /** From the first arrival to the last, milliseconds. */
  readonly elapsedMs: number;
  /** Bytes of payload in each 100 ms of the machine's monotonic clock, from `firstBin` on. */
  readonly bins: readonly number[];
  readonly firstBin: number;
}

const BIN_MS = 100;

/** Whether the next datagram starts the clock. */
let isFirst = true;
let datagrams = 0;
let bytes = 0;
let firstBytes = 0;
let firstNs = 0n;
let lastNs = 0n;
let firstBin = 0;
const bins: number[] = [];

function count(data: Buffer): void {
  lastNs = process.hrtime.bigint();
  const bin = Math.floor(Number(lastNs) / 1e6 / BIN_MS);
  if (isFirst) {
    isFirst = false;
    firstNs = lastNs;
    firstBytes = data.length;
    firstBin = bin;
    bytes = 0;
    bins.length = 0;
  }
  while (firstBin + bins.length <= bin) bins.push(0);
  datagrams++;
  bytes += data.length;
  bins[bin - firstBin]! += data.length;
}

// The kernel grants less when its limit is lower; what it then loses is reported as lost. The driver is the fastest
// there is: a receiver that is slower than the sender would see its own ceiling.
const options = resolveSocketOptions({}, '127.0.0.1', 16 * 1024 ** 2, undefined);
const sockets = await Promise.all(
  Array.from({ length: Number(process.argv[2]) }, async () =>
    openSocket(options, {
      onDatagrams: (batch) => batch.forEach(({ data }) => count(data)),
      onError: (error) => {
        throw error;
      },
    }),
  ),
);

process.on('message', (message: ReceiverOrder) => {
  if (message === 'begin') {
    isFirst = true;
    return;
  }
  const elapsedMs = Number(lastNs - firstNs) / 1e6;
  tell({ arrivals: { datagrams, bytesAfterFirst: bytes - firstBytes, elapsedMs, bins, firstBin } });
});

process.on('disconnect', () => {
  for (const socket of sockets) void socket.close();
});

const bound = await Promise.all(sockets.map((socket) => socket.bind('127.0.0.1', 0)));
tell({ ports: bound.map(({ port }) => port) });

function tell(message: ReceiverMessage): void {
  process.send?.(message);
}
