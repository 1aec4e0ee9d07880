import { randomBytes } from 'node:crypto';
import cluster, { type Worker } from 'node:cluster';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { HOST } from './settings.js';

/** Workers on one port. */
export class Fleet {
  private constructor(
    readonly port: number,
    private readonly workers: readonly Worker[],
  ) {}

  static async start(size: number): Promise<Fleet> {
    const port = await freePort();
    const env = { PORT: String(port), SECRET: randomBytes(32).toString('hex') };
    // All of them before the first request: the kernel shares the peers out among those that are there.
    const workers = Array.from({ length: size }, () => cluster.fork(env));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new Fleet(port, workers);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.workers.map(async (worker) => {
        const ended = once(worker, 'exit');
        worker.disconnect();
        await ended;
      }),
    );
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
