import { describe, expect, it } from '@jest/globals';
import { Controller, Injectable, Module, type OnModuleDestroy, type Type } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import {
  RawCodec,
  throttledUdp,
  ThrottledUdpModule,
  ThrottledUdpTransport,
  UdpContext,
} from '../../src/index.js';
import { startService } from '../support/apps.js';
import { Program } from '../support/programs.js';
import { RawPeer } from '../support/raw-peer.js';

const order: string[] = [];
let finish: () => void = () => undefined;

@Injectable()
class Database implements OnModuleDestroy {
  onModuleDestroy(): void {
    order.push('database closed');
  }
}

@Controller()
class WorkController {
  @MessagePattern('work') async work(): Promise<string> {
    order.push('handler started');
    await new Promise<void>((resolve) => (finish = resolve));
    order.push('handler done');
    return 'x'.repeat(1000);
  }

  @MessagePattern('large') large(): string {
    return 'x'.repeat(1000);
  }
}

@Module({
  imports: [ThrottledUdpModule.forRoot({ port: 0 })],
  providers: [Database],
  controllers: [WorkController],
})
class AppModule {}

async function startHybrid(late?: Type) {
  const app = await NestFactory.create(AppModule, { logger: false });
  if (late !== undefined) await app.get(LazyModuleLoader).load(() => late);
  app.connectMicroservice(throttledUdp());
  await app.init();
  await app.startAllMicroservices();
  return { app, transport: app.get(ThrottledUdpTransport) };
}

async function startPure() {
  const app = await NestFactory.createMicroservice(AppModule, { ...throttledUdp(), logger: false });
  await app.listen();
  return { app, transport: app.get(ThrottledUdpTransport) };
}

describe('shutdown', () => {
  it.each([
    ['a pure microservice', startPure],
    ['a hybrid application', () => startHybrid()],
  ])(
    'of %s lets the handler finish before users are torn down, and its reply leave',
    async (_what, start) => {
      order.length = 0;
      const { app, transport } = await start();
      const peer = await RawPeer.open();
      const { port } = transport.address() ?? { port: 0 };
      await peer.send('{"pattern":"work","data":0,"id":1}', port);
      while (!order.includes('handler started')) await new Promise((resolve) => setImmediate(resolve));
      const closed = app.close();
      const again = app.close();
      while (!transport.stats().handlers.running) await new Promise((resolve) => setImmediate(resolve));
      // New requests are told, while the old one still runs.
      let answer: unknown;
      do {
        answer = await peer.ask({ pattern: 'work', data: 0, id: 2 }, port);
      } while ((answer as { code?: string }).code === undefined);
      expect(answer).toMatchObject({ id: 2, code: 'closing', isDisposed: true });
      expect(order).toEqual(['handler started']);
      finish();
      expect(JSON.parse(String((await peer.take())[0]))).toMatchObject({ id: 1, isDisposed: true });
      await Promise.all([closed, again]);
      // Nest 11 tears a hybrid application that is closed twice down twice.
      expect(order.slice(0, 3)).toEqual(['handler started', 'handler done', 'database closed']);
      expect(order.slice(3).every((entry) => entry === 'database closed')).toBe(true);
      expect(transport.stats().state).toBe('closed');
      await peer.close();
    },
  );

  it('of a hybrid application tells a handler that takes too long, and its peer, before users are torn down', async () => {
    @Controller()
    class StuckController {
      @MessagePattern('stuck') stuck(@Ctx() context: UdpContext): Promise<never> {
        context.getSignal().addEventListener('abort', () => order.push('signal aborted'));
        order.push('handler started');
        return new Promise<never>(() => undefined);
      }
    }
    @Module({
      imports: [ThrottledUdpModule.forRoot({ port: 0, drainTimeout: 30 })],
      providers: [Database],
      controllers: [StuckController],
    })
    class StuckModule {}
    order.length = 0;
    const app = await NestFactory.create(StuckModule, { logger: false });
    app.connectMicroservice(throttledUdp());
    await app.init();
    await app.startAllMicroservices();
    const peer = await RawPeer.open();
    const port = app.get(ThrottledUdpTransport).address()?.port ?? 0;
    await peer.send('{"pattern":"stuck","data":0,"id":1}', port);
    while (!order.includes('handler started')) await new Promise((resolve) => setImmediate(resolve));
    await app.close();
    expect(JSON.parse(String((await peer.take())[0]))).toMatchObject({ id: 1, code: 'closing' });
    expect(order).toEqual(['handler started', 'signal aborted', 'database closed']);
    await peer.close();
  });

  it('lets the handler finish before modules that were loaded later, with no distance of their own, are torn down', async () => {
    @Module({})
    class LateModule implements OnModuleDestroy {
      onModuleDestroy(): void {
        order.push('late module closed');
      }
    }
    order.length = 0;
    const { app, transport } = await startHybrid(LateModule);
    const peer = await RawPeer.open();
    const { port } = transport.address() ?? { port: 0 };
    await peer.send('{"pattern":"work","data":0,"id":1}', port);
    while (!order.includes('handler started')) await new Promise((resolve) => setImmediate(resolve));
    const closed = app.close();
    let answer: unknown;
    do {
      answer = await peer.ask({ pattern: 'large', data: 0, id: 2 }, port);
    } while ((answer as { code?: string }).code === undefined);
    finish();
    await closed;
    expect(order.slice(0, 2)).toEqual(['handler started', 'handler done']);
    expect(order).toContain('late module closed');
    await peer.close();
  });

  it.each(['pure', 'hybrid'])(
    'on SIGTERM, in a %s process: handler, then users, then the end',
    async (kind) => {
      const program = new Program('test/programs/shutdown.ts', [kind]);
      const [, port] = await program.line(/listening on (\d+)/);
      const peer = await RawPeer.open();
      await peer.send('{"pattern":"work","data":0,"id":1}', Number(port));
      await program.line(/handler started/);
      program.kill('SIGTERM');
      const [answer] = await peer.take();
      expect(JSON.parse(String(answer))).toMatchObject({ id: 1, response: 'database was open' });
      expect(await program.ended).toBe('SIGTERM');
      const told = program.lines.filter((line) => /^(handler|database|intake)/.test(line));
      expect(told.filter((line) => line !== 'intake stopped')).toEqual([
        'handler started',
        'handler done, database open',
        'database closed',
      ]);
      await peer.close();
    },
  );

  it('closes a transport that only sends, with a plain application context', async () => {
    @Module({ imports: [ThrottledUdpModule.forRoot({ name: 'sender', port: 0, codec: new RawCodec() })] })
    class SenderModule {}
    const context = await NestFactory.createApplicationContext(SenderModule, { logger: false });
    const transport = context.get<ThrottledUdpTransport>('ThrottledUdpTransport:sender');
    const peer = await RawPeer.open();
    await transport.send('hello', { host: 'localhost', port: peer.port });
    expect(String((await peer.take())[0])).toBe('hello');
    await context.close();
    expect(transport.stats().state).toBe('closed');
    await expect(transport.send('again', { host: '127.0.0.1', port: peer.port })).rejects.toMatchObject({
      code: 'UDP_ENDPOINT_CLOSED',
    });
    await peer.close();
  });

  it('lets replies that wait for the limit leave', async () => {
    const service = await startService([WorkController], { upload: { rate: 20_000, burst: 100 } });
    const peer = await RawPeer.open();
    for (let id = 1; id <= 5; id++) await peer.send(`{"pattern":"large","data":0,"id":${id}}`, service.port);
    await peer.take(1);
    await service.close();
    expect(await peer.take(4)).toHaveLength(4);
    await peer.close();
  });

  it('closes when drainTimeout is over, and tells those who wait', async () => {
    const service = await startService([WorkController], { drainTimeout: 20 });
    const client = service.client();
    order.length = 0;
    const answer = firstValueFrom(client.send('work', 0));
    const told = expect(answer).rejects.toMatchObject({ code: 'UDP_CLOSING' });
    while (!order.includes('handler started')) await new Promise((resolve) => setImmediate(resolve));
    await service.transport.close();
    await told;
    finish();
    await service.close();
  });

  it('settles every send when it closes at once, twice', async () => {
    const transport = new ThrottledUdpTransport({ port: 0, upload: 1000, drainTimeout: 0 });
    const peer = await RawPeer.open();
    const to = { host: '127.0.0.1', port: peer.port };
    await transport.send('first', to);
    const sends = Array.from({ length: 1000 }, () => transport.send('x'.repeat(20), to));
    const outcomes = Promise.allSettled(sends);
    await Promise.all([transport.close(), transport.close()]);
    const settled = await outcomes;
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(settled).toHaveLength(1000);
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
    await peer.close();
  });
});
