import { ThrottledUdpClient } from 'nestjs-throttled-udp';
import { firstValueFrom } from 'rxjs';
import { CLIENTS, HOST, REQUESTS_UNDER_WAY } from './settings.js';

/** What came of a load. */
export interface Outcome {
  readonly perSecond: number;
  readonly failed: number;
  /** Answers of each worker. */
  readonly shares: readonly number[];
}

/** Keeps clients busy for some seconds, after one to warm up. */
export async function load(port: number, seconds: number): Promise<Outcome> {
  const clients = Array.from({ length: CLIENTS }, () => new ThrottledUdpClient({ host: HOST, port }));
  await keepBusy(clients, 1);
  const outcome = await keepBusy(clients, seconds);
  await Promise.all(clients.map((client) => client.close()));
  return outcome;
}

async function keepBusy(clients: readonly ThrottledUdpClient[], seconds: number): Promise<Outcome> {
  const byWorker = new Map<number, number>();
  let failed = 0;
  const endMs = performance.now() + 1000 * seconds;
  const ask = async (client: ThrottledUdpClient): Promise<void> => {
    for (let nth = 0; performance.now() < endMs; nth++) {
      try {
        const { worker } = await firstValueFrom(client.send<{ worker: number }>('digest', `text ${nth}`));
        byWorker.set(worker, (byWorker.get(worker) ?? 0) + 1);
      } catch {
        failed++;
      }
    }
  };
  const asking = clients.flatMap((client) => Array.from({ length: REQUESTS_UNDER_WAY }, () => ask(client)));
  await Promise.all(asking);
  const shares = [...byWorker.values()];
  return { perSecond: shares.reduce((sum, share) => sum + share, 0) / seconds, failed, shares };
}
