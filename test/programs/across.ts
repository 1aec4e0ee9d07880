/** Two sides of a network: `across.ts service HOST` and `across.ts client HOST REQUESTS`. */
import 'reflect-metadata';
import { firstValueFrom } from 'rxjs';
import { ThrottledUdpClient, ThrottledUdpTransport } from 'nestjs-throttled-udp';

const PORT = 4000;

const [role, host = '127.0.0.1', count = '0'] = process.argv.slice(2);

if (role === 'service') await serve();
else await ask(Number(count));

async function serve(): Promise<void> {
  const runs = new Map<number, number>();
  const transport = new ThrottledUdpTransport({ host, port: PORT });
  transport.addHandler('double', async (n: number) => {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    return 2 * n;
  });
  transport.addHandler('runs', async () => [runs.size, Math.max(...runs.values())]);
  transport.addHandler('text', async (bytes: number) => 'x'.repeat(bytes));
  await new Promise<void>((resolve) => transport.listen(() => resolve()));
}

async function ask(requests: number): Promise<void> {
  const client = new ThrottledUdpClient({ host, port: PORT, timeout: 30_000 });
  const answers = await Promise.allSettled(
    Array.from({ length: requests }, (_, n) => firstValueFrom(client.send<number>('double', n))),
  );
  const right = answers.filter((answer, n) => answer.status === 'fulfilled' && answer.value === 2 * n).length;
  const [served, most] = await firstValueFrom(client.send<[number, number]>('runs', ''));
  const text = await firstValueFrom(client.send<string>('text', 300_000));
  const { retransmissions } = client.stats().packets.exchange ?? {};
  await client.close();
  process.stdout.write(`${JSON.stringify({ right, served, most, text: text.length, retransmissions })}\n`);
}
