/**
 * A network between two sockets of this machine that loses, repeats, delays and reorders, from a seed:
 * `lossy-relay.ts --to PORT [--loss 0.1] [--duplicate 0] [--reorder 0] [--delay 0] [--seed 1]`.
 * Whoever sends to its port is known to the other side by a port of its own.
 */
import { createSocket, type Socket } from 'node:dgram';
import { parseArgs } from 'node:util';
import { SeededRandom } from 'nestjs-throttled-udp/testing';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { to: text, loss: text, duplicate: text, reorder: text, delay: text, seed: text },
});
const share = (name: 'loss' | 'duplicate' | 'reorder' | 'delay'): number => Number(values[name] ?? 0);
const to = Number(values.to);
const random = new SeededRandom(Number(values.seed ?? 1));
const counts = { carried: 0, lost: 0, repeated: 0 };

const front = open();
const backs = new Map<number, Socket>();

front.on('message', (data, { port }) => {
  let back = backs.get(port);
  if (back === undefined) {
    back = open();
    back.bind(0, '127.0.0.1');
    back.on('message', (answer) => carry(() => front.send(answer, port, '127.0.0.1')));
    backs.set(port, back);
  }
  const { send } = { send: back.send.bind(back) };
  carry(() => send(data, to, '127.0.0.1'));
});
front.bind(0, '127.0.0.1', () => {
  process.stdout.write(`relay on ${front.address().port}\n`);
});
process.on('SIGTERM', () => {
  process.stdout.write(`relay ${JSON.stringify(counts)}\n`);
  process.exit(0);
});

function open(): Socket {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 2 ** 22 });
  // A peer that has gone: what is sent there is lost like the rest.
  socket.on('error', () => undefined);
  return socket;
}

function carry(send: () => void): void {
  if (random.chance(share('loss'))) {
    counts.lost++;
    return;
  }
  counts.carried++;
  deliver(send);
  if (!random.chance(share('duplicate'))) return;
  counts.repeated++;
  deliver(send);
}

function deliver(send: () => void): void {
  const lateMs = random.chance(share('reorder')) ? OVERTAKEN_MS : 0;
  const delayMs = share('delay') + lateMs;
  if (delayMs > 0) setTimeout(send, delayMs);
  else send();
}

const OVERTAKEN_MS = 5;
