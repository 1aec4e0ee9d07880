/**
 * A peer as a process of its own, with our client: asks at even intervals, whether or not it has been answered,
 * and measures each round trip. Whoever forked it speaks to it in {@link AskingOrder}s.
 */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { ThrottledUdpClient, UdpRecordBuilder } from 'nestjs-throttled-udp';

export interface AskingOrder {
  readonly port: number;
  readonly pattern: string;
  readonly requestsPerSecond: number;
  readonly seconds: number;
}

export interface Answers {
  /** Milliseconds from each call to its answer. */
  readonly roundTripsMs: readonly number[];
  /** Codes of the requests that failed. */
  readonly failures: readonly string[];
}

const client = new ThrottledUdpClient({ localHost: '127.0.0.1', timeout: 3000 });

process.on('message', (order: AskingOrder) => {
  void ask(order).then((answers) => process.send?.(answers));
});

process.on('disconnect', () => process.exit());

await client.connect();
process.send?.({ port: client.stats().address?.port });

async function ask({ port, pattern, requestsPerSecond, seconds }: AskingOrder): Promise<Answers> {
  const roundTripsMs: number[] = [];
  const failures: string[] = [];
  const record = new UdpRecordBuilder(100).setPeer({ host: '127.0.0.1', port }).build();
  const askOnce = async (): Promise<void> => {
    const askedMs = performance.now();
    try {
      await firstValueFrom(client.send(pattern, record));
      roundTripsMs.push(performance.now() - askedMs);
    } catch (error) {
      failures.push((error as { code?: string }).code ?? String(error));
    }
  };
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let asked = 0; asked < requestsPerSecond * seconds; asked++) {
    await sleep(Math.max(0, startMs + (asked * 1000) / requestsPerSecond - performance.now()));
    calls.push(askOnce());
  }
  await Promise.all(calls);
  return { roundTripsMs, failures };
}
