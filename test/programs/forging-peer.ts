/**
 * Many sources that prove nothing: `forging-peer.ts PORT DATAGRAMS RATE`. Sends requests, large ones begun, events
 * and noise from addresses of 127.0.0.0/8, each for a moment; says at the end how many they were.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeFrame } from '../../src/codec/frame-codec.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

const [port = 0, datagrams = 0, rate = 0] = process.argv.slice(2).map(Number);
const random = new SeededRandom(1);
const SOURCES_AT_ONCE = 64;
let sent = 0;
let sources = 0;

const startMs = performance.now();
const open: Socket[] = [];
while (sent < datagrams) {
  const due = Math.min(datagrams, ((performance.now() - startMs) / 1000) * rate);
  while (sent < due) {
    if (open.length < SOURCES_AT_ONCE) open.push(await openOne());
    const socket = open[random.below(open.length)] as Socket;
    for (let burst = 0; burst < 4 && sent < datagrams; burst++, sent++) {
      socket.send(datagram(), port, '127.0.0.1', () => undefined);
    }
    // Gone, and another one in its place.
    if (random.chance(0.25)) open.splice(open.indexOf(socket), 1)[0]?.close();
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
}
for (const socket of open) socket.close();
process.stdout.write(`sent ${sent} from ${sources} addresses\n`);

async function openOne(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  const host = `127.${1 + random.below(250)}.${random.below(256)}.${1 + random.below(250)}`;
  socket.bind(0, host);
  await once(socket, 'listening');
  sources++;
  return socket;
}

function datagram(): Buffer | string {
  const hex = (bytes: number): string => Buffer.from(random.bytes(bytes)).toString('hex');
  switch (random.below(6)) {
    case 0:
      return Buffer.from(random.bytes(random.below(200)));
    case 1:
      return `{"pattern":"echo","data":1,"id":"${hex(6)}"}`;
    case 2:
      return Buffer.from(
        encodeFrame({
          kind: 'segment',
          id: hex(8),
          client: hex(8),
          epoch: 0,
          ageMs: 0,
          seq: 0,
          messageBytes: 1_000_000,
          isLast: false,
          isEnd: false,
          wantsAck: true,
          payload: random.bytes(200),
        }),
      );
    default:
      return `{"v":1,"x":"${hex(8)}01000000000000138800000000","pattern":"echo","data":1,"id":"${hex(8)}"}`;
  }
}
