/**
 * The receiving process: counts datagrams and looks at the clock as each arrives. It knows nothing of the
 * sender, so that what it says is what a peer would see.
 */
import { createSocket } from 'node:dgram';

/** What the receiver tells. */
export type ReceiverMessage = { readonly port: number } | { readonly arrivals: Arrivals };

export interface Arrivals {
  readonly datagrams: number;
  /** Bytes of payload, those of the first datagram left out: it only starts the clock. */
  readonly bytesAfterFirst: number;
  /** From the first arrival to the last, milliseconds. */
  readonly elapsedMs: number;
}

let datagrams = 0;
let bytes = 0;
let firstBytes = 0;
let firstNs = 0n;
let lastNs = 0n;

// The kernel grants less when its limit is lower; what it then loses is reported as lost.
const socket = createSocket({ type: 'udp4', recvBufferSize: 16 * 1024 ** 2 });

socket.on('message', (data) => {
  lastNs = process.hrtime.bigint();
  if (datagrams === 0) {
    firstNs = lastNs;
    firstBytes = data.length;
  }
  datagrams++;
  bytes += data.length;
});

process.on('message', () => {
  const arrivals = {
    datagrams,
    bytesAfterFirst: bytes - firstBytes,
    elapsedMs: Number(lastNs - firstNs) / 1e6,
  };
  tell({ arrivals });
});

process.on('disconnect', () => socket.close());

socket.bind(0, '127.0.0.1', () => tell({ port: socket.address().port }));

function tell(message: ReceiverMessage): void {
  process.send?.(message);
}
