/**
 * What a lossy network costs a request: goodput and latency of this transport, of one that sends once and hopes,
 * and of Nest's TCP transport, whose losses are delays.
 *
 *     npm run bench:loss -- [--requests 2000] [--at 0,0.1]
 */
import 'reflect-metadata';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Controller, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';
import { JsonCodec, ThrottledUdpClient, ThrottledUdpTransport } from 'nestjs-throttled-udp';

/** Plain packets, sent once: what most UDP transports are. */
class HopefulCodec extends JsonCodec {
  override readonly exchange = false;
}

@Controller()
class EchoController {
  @MessagePattern('echo') echo(@Payload() data: unknown): unknown {
    return data;
  }
}

@Module({ controllers: [EchoController] })
class AppModule {}

/** A service behind a bad network, and a client in front of it. */
interface Way {
  readonly client: ClientProxy;
  close(): Promise<void>;
}

interface Measurement {
  readonly answered: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '2000' },
    at: { type: 'string', default: '0,0.01,0.05,0.1,0.3' },
  },
});
const requests = Number(values.requests);

const WAYS: readonly { readonly name: string; readonly open: (loss: number) => Promise<Way> }[] = [
  { name: 'this transport', open: (loss) => openUdp(loss, new JsonCodec()) },
  { name: 'sent once', open: (loss) => openUdp(loss, new HopefulCodec()) },
  { name: "Nest's TCP", open: openTcp },
];

async function main(): Promise<void> {
  const headings = ['loss each way', 'way', 'answered', 'goodput', 'p50', 'p99'];
  print(headings);
  print(headings.map((_, column) => (column < 2 ? '---' : '---:')));
  for (const loss of values.at.split(',').map(Number)) {
    for (const { name, open } of WAYS) {
      const way = await open(loss);
      await measure(way.client, WARM_UP);
      const { answered, perSecond, p50Ms, p99Ms } = await measure(way.client, requests);
      await way.close();
      print([
        `${loss * 100} %`,
        name,
        `${((100 * answered) / requests).toFixed(1)} %`,
        `${perSecond.toFixed(0)}/s`,
        `${p50Ms.toFixed(1)} ms`,
        `${p99Ms.toFixed(1)} ms`,
      ]);
    }
  }
}

/** So many requests, as many at a time as clients of a busy service have under way. */
async function measure(client: ClientProxy, count: number): Promise<Measurement> {
  const latenciesMs: number[] = [];
  let asked = 0;
  const startMs = performance.now();
  const worker = async (): Promise<void> => {
    while (asked++ < count) {
      const sentMs = performance.now();
      try {
        await firstValueFrom(client.send('echo', { n: asked }).pipe(timeout(PATIENCE_MS)));
        latenciesMs.push(performance.now() - sentMs);
      } catch {
        // Counted by its absence.
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const seconds = (performance.now() - startMs) / 1000;
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => latenciesMs[Math.floor(share * (latenciesMs.length - 1))] ?? NaN;
  return {
    answered: latenciesMs.length,
    perSecond: latenciesMs.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

async function openUdp(loss: number, codec: JsonCodec): Promise<Way> {
  const strategy = new ThrottledUdpTransport({ port: 0, codec });
  const app = await serve({ strategy });
  const options = [
    '--to',
    String(strategy.address()?.port),
    '--loss',
    String(loss),
    '--delay',
    String(DELAY_MS),
  ];
  const relay = await startRelay([
    '--import',
    './test/support/ts-loader.mjs',
    'test/programs/lossy-relay.ts',
    ...options,
  ]);
  const client = new ThrottledUdpClient({ port: relay.port, codec, timeout: PATIENCE_MS });
  return {
    client,
    async close() {
      await client.close();
      await app.close();
      await relay.close();
    },
  };
}

async function openTcp(loss: number): Promise<Way> {
  const port = await freePort();
  const app = await serve({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  const relay = await startRelay([
    'dist/bench/bench/tcp-relay.js',
    '--to',
    String(port),
    '--loss',
    String(loss),
  ]);
  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port: relay.port },
  });
  return {
    client,
    async close() {
      await client.close();
      await relay.close();
      await app.close();
    },
  };
}

async function serve(options: MicroserviceOptions): Promise<{ close(): Promise<void> }> {
  const module: DynamicModule = { module: AppModule };
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
    ...options,
    logger: false,
  });
  await app.listen();
  return app;
}

async function startRelay(args: readonly string[]): Promise<{ port: number; close(): Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const [line] = (await once(lines, 'line')) as [string];
  return {
    port: Number(/^relay on (\d+)$/.exec(line)?.[1]),
    async close() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

const CONCURRENCY = 50;

const WARM_UP = 200;

const PATIENCE_MS = 5000;

// Both ways together: a network of one region.
const DELAY_MS = 1;

await main();
