/**
 * A TCP relay that delays: what loss looks like to a stream. A lost segment holds up all that come after it until
 * it is sent again, 200 ms later on Linux, twice that when it is lost again.
 *
 *     node tcp-relay.js --to PORT --loss 0.1
 */
import { createServer, connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { to: { type: 'string' }, loss: { type: 'string' } } });
const to = Number(values.to);
const loss = Number(values.loss ?? 0);

const server = createServer((client) => {
  const upstream = connect(to, '127.0.0.1');
  client.setNoDelay();
  upstream.setNoDelay();
  pump(client, upstream);
  pump(upstream, client);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`relay on ${typeof address === 'object' ? address?.port : address}\n`);
});

function pump(from: Socket, into: Socket): void {
  let freeAtMs = 0;
  from.on('data', (chunk: Buffer) => {
    const nowMs = performance.now();
    // A chunk is as many segments as it fills.
    for (let segment = 0; segment < Math.ceil(chunk.length / SEGMENT_BYTES); segment++) {
      for (let waitMs = RETRANSMISSION_MS; Math.random() < loss; waitMs *= 2) {
        freeAtMs = Math.max(freeAtMs, nowMs) + waitMs;
      }
    }
    const delayMs = freeAtMs - nowMs;
    // Timers of one instant run in order, and none overtakes another: freeAtMs never falls.
    if (delayMs > 0) setTimeout(() => into.write(chunk), delayMs);
    else into.write(chunk);
  });
  from.on('error', () => into.destroy());
  from.on('close', () => into.destroy());
}

const SEGMENT_BYTES = 1448;

const RETRANSMISSION_MS = 200;
