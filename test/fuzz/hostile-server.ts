/**
 * A service that answers what it is asked with hostile datagrams that name the right requests:
 * `hostile-server.ts SEED`. Tells its port; answers each message with a {@link HostileServerReport}.
 */
import { createSocket } from 'node:dgram';
import { SeededRandom } from '../../src/testing/seeded-random.js';
import { Attack } from './attack.js';

export interface HostileServerReport {
  readonly heard: number;
  readonly sent: number;
  readonly last: readonly string[];
}

const seed = Number(process.argv[2]);
const attack = new Attack(seed);
const random = new SeededRandom(seed + 1);
const last: string[] = [];
let heard = 0;
let sent = 0;
// The id that is asked for is among few, so that most lies are about it.
attack.gossip.ids.length = 0;

const socket = createSocket({ type: 'udp4', recvBufferSize: 2 ** 20 });
socket.on('message', (data, from) => {
  heard++;
  const text = data.toString('latin1');
  const id = data[0] === 0xc1 ? data.toString('hex', 4, 12) : /"id":"([0-9a-f]{16})"/.exec(text)?.[1];
  if (id !== undefined && !attack.gossip.ids.includes(id)) attack.gossip.ids.push(id);
  if (attack.gossip.ids.length > 8) attack.gossip.ids.shift();
  for (let words = random.below(5); words > 0; words--) {
    const answer = random.chance(0.5) && id !== undefined ? toReply(id) : turned(attack.next().data);
    sent++;
    last.push(`${from.port} ${answer.toString('hex')}`);
    if (last.length > 300) last.shift();
    socket.send(answer, from.port, from.address, () => undefined);
  }
});
socket.bind(0, '127.0.0.1', () => process.send?.({ port: socket.address().port }));

process.on('message', () => process.send?.({ heard, sent, last } satisfies HostileServerReport));
process.on('disconnect', () => process.exit());

/** Frames of the asking side say nothing to a client: as one of the answering side, most do. */
function turned(data: Buffer): Buffer {
  if (data[0] !== 0xc1 || ((data[2] ?? 0) & 0x40) === 0 || data.length < 24) return data;
  const head = Buffer.from(data.subarray(0, 16));
  head[2] = (head[2] ?? 0) & ~0x40;
  const body = data.subarray(head[2] === 8 ? 28 : 24);
  return Buffer.concat([head, body]);
}

function toReply(id: string): Buffer {
  const parts = [`"id":"${id}"`];
  if (random.chance(0.6)) parts.push(`"response":${random.below(9)}`);
  if (random.chance(0.3)) parts.push('"err":{"message":1}');
  if (random.chance(0.3)) parts.push('"code":"__proto__"');
  if (random.chance(0.4)) parts.push('"isDisposed":true');
  const stamp = random.chance(0.7) ? `"v":1,"x":"${Buffer.from(random.bytes(9)).toString('hex')}",` : '';
  return Buffer.from(`{${stamp}${parts.join(',')}}`);
}
