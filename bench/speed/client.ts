/**
 * The asking side, as a process of its own: one client of this package and one of Nest's TCP transport, each with so
 * many requests under way at a time, and what they cost this process.
 */
import 'reflect-metadata';
import { ClientProxyFactory, Transport, type ClientProxy } from '@nestjs/microservices';
import { ThrottledUdpClient } from 'nestjs-throttled-udp';
import { firstValueFrom } from 'rxjs';
import { PATTERN, READING, TEXT } from './handler.js';
import { WIDE } from './wide.js';

export interface ClientOrder {
  readonly transport: 'udp' | 'tcp';
  readonly port: number;
  readonly window: number;
  readonly milliseconds: number;
  /** Asks for texts of so many bytes instead. */
  readonly bytes?: number;
}

export interface ClientResult {
  readonly answered: number;
  readonly failed: number;
  readonly seconds: number;
  /** Of this process, while it asked. */
  readonly cpuSeconds: number;
}

const clients = new Map<string, ClientProxy>();

function clientOf({ transport, port }: ClientOrder): ClientProxy {
  const name = `${transport} ${port}`;
  let client = clients.get(name);
  if (client === undefined) {
    client =
      transport === 'udp'
        ? new ThrottledUdpClient({ host: '127.0.0.1', port, recvBufferSize: WIDE })
        : ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    clients.set(name, client);
  }
  return client;
}

async function run(order: ClientOrder): Promise<ClientResult> {
  const { bytes } = order;
  const client = clientOf(order);
  await client.connect();
  let answered = 0;
  let failed = 0;
  const startMs = performance.now();
  const endMs = startMs + order.milliseconds;
  const before = process.cpuUsage();
  const ask = async (): Promise<void> => {
    while (performance.now() < endMs) {
      try {
        await firstValueFrom(bytes === undefined ? client.send(PATTERN, READING) : client.send(TEXT, bytes));
        answered++;
      } catch {
        failed++;
      }
    }
  };
  await Promise.all(Array.from({ length: order.window }, ask));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startMs) / 1000;
  return { answered, failed, seconds, cpuSeconds: (user + system) / 1e6 };
}

process.on('message', (order: ClientOrder) => {
  void run(order).then((result) => process.send!(result));
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');
