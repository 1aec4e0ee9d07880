/**
 * A service in the primary of node:cluster, and two workers that ask it, and that try to serve on one port:
 * `cluster-workers.ts`. Each worker prints what came of it.
 */
import 'reflect-metadata';
import cluster from 'node:cluster';
import { RawCodec, ThrottledUdpClient, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { firstValueFrom } from 'rxjs';

const listen = (transport: ThrottledUdpTransport): Promise<string> =>
  new Promise((resolve) => {
    transport.listen((error) => resolve(error === undefined ? 'listens' : (error as Error).message));
  });

if (cluster.isPrimary) {
  const transport = new ThrottledUdpTransport({ port: 0 });
  transport.addHandler('twice', async (data: number) => 2 * data);
  await listen(transport);
  const free = new ThrottledUdpTransport({ port: 0 });
  await listen(free);
  const PORT = String(free.address()?.port);
  await free.close();
  const workers = [1, 2].map((name) =>
    cluster.fork({ NAME: String(name), SERVICE: String(transport.address()?.port), PORT }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
  await transport.close();
} else {
  const { NAME, SERVICE, PORT } = process.env;
  const client = new ThrottledUdpClient({ port: Number(SERVICE), timeout: 20_000 });
  await client.connect();
  let right = 0;
  for (let nth = 0; nth < 50; nth++) {
    if ((await firstValueFrom(client.send('twice', nth))) === 2 * nth) right++;
  }
  const port = client.stats().address?.port;
  console.log(`worker ${NAME}: ${right} right, from port ${port}`);
  await client.close();
  const json = new ThrottledUdpTransport({ port: Number(PORT) });
  console.log(`worker ${NAME}: JSON ${await listen(json)}`);
  await json.close();
  const raw = new ThrottledUdpTransport({ port: Number(PORT), codec: new RawCodec() });
  console.log(`worker ${NAME}: RAW ${await listen(raw)}`);
  await raw.close();
  cluster.worker?.disconnect();
}
