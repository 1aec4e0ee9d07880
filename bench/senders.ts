import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ThrottledUdpTransport,
  type DriverChoice,
  type PerPeerOptions,
  type TrafficClassName,
} from 'nestjs-throttled-udp';

/** One way of sending datagrams. */
export interface Sender {
  /** Resolves when the kernel has the datagram and the next may follow. */
  send(data: Buffer): Promise<void>;
  /** Sends that must be under way at once to keep the sender busy. */
  readonly window: number;
  close(): Promise<void>;
}

export interface AdjustableSender extends Sender {
  setRate(bytesPerSecond: number): void;
}

/**
 * What is measured: the transport with an upload limit, or with none. Where it sends to several ports, each is a
 * peer with a limit of its own, twice its part of the rate, and the datagrams are of all traffic classes in turn.
 */
export function transportSender(
  rateBytesPerSecond: number,
  datagramBytes: number,
  ports: readonly number[],
  driver: DriverChoice = 'auto',
): AdjustableSender {
  const count = ports.length;
  const perPeer: PerPeerOptions = { key: 'address-port', upload: (2 * rateBytesPerSecond) / count };
  const transport = new ThrottledUdpTransport({
    host: '127.0.0.1',
    port: 0,
    upload: rateBytesPerSecond,
    driver,
    // A window of 20 ms to one peer may be more than it may have by default.
    queue: { maxPeerBytes: '16 MiB' },
    ...(count > 1 ? { perPeer } : {}),
  });
  let turn = 0;
  return {
    send(data) {
      const peer = { host: '127.0.0.1', port: ports[turn % count]! };
      const options = count > 1 ? { trafficClass: CLASSES[turn % CLASSES.length]! } : {};
      turn++;
      return transport.send(data, peer, options);
    },
    setRate: (rate) => transport.upload.setRate(rate),
    window: Math.max(windowFor(rateBytesPerSecond, datagramBytes), count > 1 ? count * CLASSES.length : 0),
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

const CLASSES: readonly TrafficClassName[] = ['control', 'interactive', 'bulk'];

const MAX_WINDOW = 4096;
