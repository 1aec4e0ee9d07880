/**
 * A hybrid application behind a `UdpThrottlerGuard`: `throttled-service.ts usual | own-tracker | addresses`.
 *
 * A process of its own, for jest on Node 20 cannot load `@nestjs/throttler` beside Nest 12.
 */
import 'reflect-metadata';
import { Controller, Get, Module, UseGuards, type ExecutionContext } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  Throttle,
  ThrottlerModule,
  ThrottlerStorageService,
  type ThrottlerModuleOptions,
} from '@nestjs/throttler';
import {
  PeerAddress,
  throttledUdp,
  ThrottledUdpModule,
  ThrottledUdpTransport,
  UdpContext,
} from 'nestjs-throttled-udp';
import { UdpThrottlerGuard } from 'nestjs-throttled-udp/throttler';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const OPTIONS: Readonly<Record<string, ThrottlerModuleOptions>> = {
  usual: [{ ttl: 60_000, limit: 2 }],
  'own-tracker': {
    throttlers: [{ ttl: 60_000, limit: 1, ignoreUserAgents: [/undefined/, /bot/] }],
    getTracker: (req: Record<string, unknown>) => {
      say(`tracker is asked of ${String(req['ip'])}, ${(req['peer'] as PeerAddress).address}`);
      return 'all';
    },
    errorMessage: 'too many',
  },
};

@Controller()
@UseGuards(UdpThrottlerGuard)
class LimitedController {
  @MessagePattern('sum') sum(@Payload() data: { values: number[] }): number {
    return data.values.reduce((total, value) => total + value, 0);
  }

  @MessagePattern('once') @Throttle({ default: { limit: 1, ttl: 5000 } }) once(): string {
    return 'done';
  }

  @EventPattern<string>('told') told(@Payload() data: unknown): void {
    say(`told ${String(data)}`);
  }

  @Get('page') page(): string {
    return 'page';
  }
}

async function serve(options: ThrottlerModuleOptions): Promise<void> {
  @Module({
    imports: [ThrottlerModule.forRoot(options), ThrottledUdpModule.forRoot({ port: 0 })],
    controllers: [LimitedController],
  })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: false });
  app.connectMicroservice(throttledUdp());
  await app.init();
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  app.enableShutdownHooks();
  say(`serving ${app.get(ThrottledUdpTransport).address()?.port} and ${await app.getUrl()}`);
}

/** Lets each pair of addresses ask one after the other, with a limit of one. */
async function compare(pairs: readonly (readonly [string, string])[]): Promise<void> {
  for (const [first, second] of pairs) {
    const storage = new ThrottlerStorageService();
    const guard = new UdpThrottlerGuard([{ ttl: 60_000, limit: 1 }], storage, new Reflector());
    await guard.onModuleInit();
    await guard.canActivate(contextOf(first));
    const isLetIn = await guard.canActivate(contextOf(second)).catch(() => false);
    say(`${first} and ${second}: ${isLetIn ? 'two' : 'one'}`);
    storage.onApplicationShutdown();
  }
}

function contextOf(address: string): ExecutionContext {
  const datagram = { peer: PeerAddress.of(address, 1) };
  const udp = new UdpContext(datagram as never, 'sum', undefined, undefined as never);
  return {
    getType: () => 'rpc',
    getClass: () => LimitedController,
    getHandler: () => contextOf,
    switchToRpc: () => ({ getContext: () => udp }),
  } as unknown as ExecutionContext;
}

const [, , mode = 'usual'] = process.argv;
const options = OPTIONS[mode];
if (options !== undefined) await serve(options);
else {
  await compare([
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['::1', '::2'],
  ]);
}
