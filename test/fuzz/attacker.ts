/**
 * Throws hostile datagrams at a port, from many addresses of 127.0.0.0/8: `attacker.ts PORT SEED RATE`.
 * Answers each message with an {@link AttackReport}.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeFrame } from '../../src/codec/frame-codec.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';
import { Attack, type AttackKind } from './attack.js';

export interface AttackReport {
  readonly sent: Readonly<Record<AttackKind, number>>;
  /** Largest share of bytes that came to bytes that went, of all addresses that have proved nothing. */
  readonly worstFactor: number;
  /** What was sent last: source, kind, bytes in hexadecimal digits. */
  readonly last: readonly string[];
}

const [port = 0, seed = 0, rate = 0] = process.argv.slice(2).map(Number);
const attack = new Attack(seed);
const random = new SeededRandom(seed + 1);
const sent: Record<AttackKind, number> = { random: 0, mutated: 0, structured: 0 };
const last: string[] = [];

/** One source. */
class Source {
  readonly socket: Socket = createSocket({ type: 'udp4', recvBufferSize: 2 ** 20 });
  bytesOut = 0;
  bytesIn = 0;

  /** @param isHonest proves its address, so that what is behind the proof is attacked too */
  constructor(readonly isHonest: boolean) {
    this.socket.on('message', (data) => this.#hear(data));
    this.socket.on('error', () => undefined);
  }

  send(data: Buffer): void {
    this.bytesOut += data.length;
    this.socket.send(data, port, '127.0.0.1', () => undefined);
  }

  #hear(data: Buffer): void {
    this.bytesIn += data.length;
    if (data[0] !== 0xc1 || data.length < 16) return;
    attack.gossip.epoch = data.readUInt32BE(12);
    if (data[2] !== 4 || data.length < 32) return;
    const token = Buffer.from(data.subarray(16, 32));
    if (!this.isHonest) return;
    // Others show it too: it is stolen.
    attack.gossip.hear(token);
    const id = data.toString('hex', 4, 12);
    this.send(Buffer.from(encodeFrame({ kind: 'proof', id, client: id, epoch: 0, token })));
  }
}

const sources = Array.from({ length: 36 }, (_, index) => new Source(index < 4));
for (const [index, { socket }] of sources.entries()) {
  socket.bind(0, `127.${1 + random.below(250)}.${random.below(250)}.${1 + index}`);
  await once(socket, 'listening');
}

const startMs = performance.now();
let total = 0;
setInterval(() => {
  const due = ((performance.now() - startMs) / 1000) * rate;
  // What could not be sent while others had the machine is not made up for at once.
  for (let burst = 0; total < due && burst < 100; burst++) throwOne();
  if (total < due) total = due;
}, 2);

process.on('message', () => {
  const strangers = sources.filter(({ isHonest, bytesOut }) => !isHonest && bytesOut > 0);
  const worstFactor = Math.max(0, ...strangers.map(({ bytesIn, bytesOut }) => bytesIn / bytesOut));
  process.send?.({ sent, worstFactor, last } satisfies AttackReport);
});
process.on('disconnect', () => process.exit());
process.send?.({ port: 0 });

function throwOne(): void {
  const { kind, data } = attack.next();
  const source = random.below(sources.length);
  sources[source]?.send(data);
  sent[kind]++;
  total++;
  last.push(`${source} ${kind} ${data.toString('hex')}`);
  if (last.length > LAST) last.shift();
}

const LAST = 300;
