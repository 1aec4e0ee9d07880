import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { throttledUdp, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { AppModule } from './app.module.js';
import { LogClient, type Habits } from './log-client.js';
import { LogStore } from './log-store.js';

/** What became of one client's lines and queries. */
export interface Outcome {
  readonly name: string;
  readonly linesSent: number;
  readonly linesAccepted: number;
  readonly queryTimesMs: readonly number[];
  readonly bytesExported: number;
}

/**
 * Starts a log server and lets the clients use it.
 *
 * @param budget what each peer may send and get, bytes per second; without one, only the server as a whole is limited
 */
export async function run(
  habits: readonly Habits[],
  port: number,
  seconds: number,
  budget?: number,
): Promise<Outcome[]> {
  const app = await NestFactory.createMicroservice(AppModule.listenOn(port, budget), {
    ...throttledUdp(),
    logger: ['warn', 'error'],
  });
  await app.listen();
  const transport = app.get(ThrottledUdpTransport);
  const store = app.get(LogStore);
  const clients = habits.map((each) => new LogClient(each, transport.address()?.port ?? port));
  const keys = await Promise.all(clients.map((client) => client.start()));
  await sleep(seconds * 1000);
  await Promise.all(clients.map((client) => client.stop()));
  // What waits at the entrance is accepted yet.
  while (transport.stats().download.queuedDatagrams > 0) await sleep(10);
  const outcomes = clients.map(({ linesSent, queryTimesMs, bytesExported }, index) => ({
    name: habits[index]?.name ?? '',
    linesSent,
    linesAccepted: store.acceptedFrom(keys[index] ?? ''),
    queryTimesMs,
    bytesExported,
  }));
  await Promise.all([...clients.map((client) => client.close()), app.close()]);
  return outcomes;
}
