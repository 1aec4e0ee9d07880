/**
 * A service whose handlers fail where nobody but the process hears of it, and a process that goes on:
 * `failing-handlers.ts`. Prints how many of 400 events have come to the handler.
 */
import 'reflect-metadata';
import { ThrottledUdpClient, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { lastValueFrom } from 'rxjs';

process.on('uncaughtException', () => undefined);
const transport = new ThrottledUdpTransport({ port: 0, recvBufferSize: '1 MiB' });
let handled = 0;
transport.addHandler(
  'tell',
  async () => {
    handled++;
    process.nextTick(() => {
      throw new Error('nobody takes this');
    });
  },
  true,
);
await new Promise<void>((resolve) => transport.listen(() => resolve()));
const client = new ThrottledUdpClient({ port: transport.address()!.port });
await client.connect();
for (let round = 1; round <= 4; round++) {
  await Promise.all(Array.from({ length: 100 }, (_, nth) => lastValueFrom(client.emit('tell', nth))));
  await until(() => handled >= 100 * round);
}
console.log(`handled ${handled}`);
await client.close();
await transport.close();

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
