import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThrottledUdpTransport } from 'nestjs-throttled-udp';

/** One way of sending datagrams. */
export interface Sender {
  /** Resolves when the kernel has the datagram and the next may follow. */
  send(data: Buffer): Promise<void>;
  /** Sends that must be under way at once to keep the sender busy. */
  readonly window: number;
  close(): Promise<void>;
}

/** What is measured: the transport with an upload limit, or with none. */
export function transportSender(rateBytesPerSecond: number, datagramBytes: number, port: number): Sender {
  const peer = { host: '127.0.0.1', port };
  const transport = new ThrottledUdpTransport({ host: '127.0.0.1', port: 0, upload: rateBytesPerSecond });
  return {
    send: (data) => transport.send(data, peer),
    window: windowFor(rateBytesPerSecond, datagramBytes),
    close: () => transport.close(),
  };
}

/**
 * The method that the seed of this project used, and many programs do: send, then sleep for as long as the
 * datagram takes at the rate.
 */
export async function sleepingSender(rateBytesPerSecond: number, port: number): Promise<Sender> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  return {
    async send(data) {
      await new Promise<void>((resolve, reject) => {
        socket.send(data, (error) => (error === null ? resolve() : reject(error)));
      });
      await sleep((data.length / rateBytesPerSecond) * 1000);
    },
    window: 1,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Enough for 100 ms, so that the queue never runs dry, and never near the 30 s that it lets a datagram wait. */
function windowFor(rateBytesPerSecond: number, datagramBytes: number): number {
  const datagrams = (rateBytesPerSecond * WINDOW_SECONDS) / datagramBytes;
  return Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, Math.ceil(datagrams)));
}

const WINDOW_SECONDS = 0.1;

const MIN_WINDOW = 2;

const MAX_WINDOW = 4096;
