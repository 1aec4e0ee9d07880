/**
 * Two threads of one process, each with a service and a client that asks the service of the other:
 * `worker-threads.ts`. Each prints what came of it.
 */
import 'reflect-metadata';
import { EventEmitter, on } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { ThrottledUdpClient, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { firstValueFrom } from 'rxjs';

const name = isMainThread ? 'main thread' : 'worker thread';
const other = isMainThread ? new Worker(new URL(import.meta.url)) : parentPort!;
const said = new EventEmitter();
other.on('message', (word) => said.emit('word', word));
const words = on(said, 'word');

const transport = new ThrottledUdpTransport({ port: 0 });
transport.addHandler('twice', async (data: number) => 2 * data);
transport.addHandler('text', async (bytes: number) => 'x'.repeat(bytes));
await new Promise<void>((resolve) => transport.listen(() => resolve()));
other.postMessage(transport.address()?.port);
const [port] = (await words.next()).value as [number];

const client = new ThrottledUdpClient({ port, timeout: 20_000 });
await client.connect();
let right = 0;
const ask = async (nth: number): Promise<void> => {
  if ((await firstValueFrom(client.send('twice', nth))) === 2 * nth) right++;
};
await Promise.all(Array.from({ length: 200 }, (_, nth) => ask(nth)));
const text = await firstValueFrom(client.send<string>('text', 100_000));
console.log(`${name}: ${right} right, a text of ${text.length}, driver ${client.stats().driver}`);
if (!isMainThread) {
  const batch = new ThrottledUdpClient({ port, driver: 'batch' });
  await batch.connect().catch((error: Error) => console.log(`${name}: ${error.message}`));
}
// The other one may still be asking.
other.postMessage('done');
await words.next();
await client.close();
await transport.close();
if (other instanceof Worker) await new Promise((resolve) => other.once('exit', resolve));
else other.close();
