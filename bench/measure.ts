import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Arrivals, ReceiverMessage } from './receiver.js';
import type { Sender } from './senders.js';

export interface Measurement {
  /** From the first arrival to the last, as the receiving process saw it. */
  readonly bytesPerSecond: number;
  readonly seconds: number;
  readonly datagrams: number;
  /** Sent, but not received: the receiver's buffer was full. */
  readonly lost: number;
}

/**
 * Sends for some seconds to a process of its own, and asks that process at what rate it received, after two more
 * seconds to warm up.
 *
 * @param makeSender is given the receiver's ports
 * @param peers how many ports
 */
export async function measure(
  makeSender: (ports: readonly number[]) => Sender | Promise<Sender>,
  datagramBytes: number,
  seconds: number,
  peers = 1,
): Promise<Measurement> {
  const { arrivals, sent } = await send(makeSender, datagramBytes, seconds, peers, WARM_UP_SECONDS);
  return {
    bytesPerSecond: (arrivals.bytesAfterFirst / arrivals.elapsedMs) * 1000,
    seconds: arrivals.elapsedMs / 1000,
    datagrams: arrivals.datagrams,
    lost: sent - arrivals.datagrams,
  };
}

/** As {@link measure}, with all that the receiving process has seen. */
export async function send(
  makeSender: (ports: readonly number[]) => Sender | Promise<Sender>,
  datagramBytes: number,
  seconds: number,
  peers = 1,
  warmUpSeconds = 0,
): Promise<{ arrivals: Arrivals; sent: number }> {
  const receiver = fork(fileURLToPath(new URL('receiver.js', import.meta.url)), [String(peers)]);
  try {
    const { ports } = await hear(receiver, 'ports');
    const sender = await makeSender(ports);
    // Compilers and heaps have found their form by then: what is measured is what goes on, not how it begins.
    const warm =
      warmUpSeconds > 0 ? setTimeout(() => receiver.send('begin'), warmUpSeconds * 1000) : undefined;
    const sent = await sendFor(sender, datagramBytes, warmUpSeconds + seconds);
    clearTimeout(warm);
    await sender.close();
    const { arrivals } = await settle(receiver, sent);
    return { arrivals, sent };
  } finally {
    receiver.disconnect();
    await once(receiver, 'exit');
  }
}

/** Keeps a window of sends under way, until the time is up and the last has left. */
async function sendFor(sender: Sender, datagramBytes: number, seconds: number): Promise<number> {
  const data = Buffer.alloc(datagramBytes, 0x2e);
  const endMs = performance.now() + seconds * 1000;
  let sent = 0;
  const keepSending = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await sender.send(data);
      sent++;
    }
  };
  await Promise.all(Array.from({ length: sender.window }, keepSending));
  return sent;
}

/** Asks until everything has arrived, or nothing more does. */
async function settle(receiver: ChildProcess, sent: number): Promise<{ arrivals: Arrivals }> {
  for (let before = -1; ;) {
    receiver.send('report');
    const heard = await hear(receiver, 'arrivals');
    const { datagrams } = heard.arrivals;
    if (datagrams === sent || datagrams === before) return heard;
    before = datagrams;
    await sleep(SETTLE_MS);
  }
}

async function hear<K extends string>(
  receiver: ChildProcess,
  key: K,
): Promise<Extract<ReceiverMessage, Record<K, unknown>>> {
  const [message] = (await once(receiver, 'message')) as [ReceiverMessage];
  if (!(key in message)) throw new Error(`expected ${key} from the receiver, got ${JSON.stringify(message)}`);
  return message as Extract<ReceiverMessage, Record<K, unknown>>;
}

const SETTLE_MS = 300;

const WARM_UP_SECONDS = 2;
