/**
 * The service under attack, as a process of its own: `subject.ts CODEC [validated]`, CODEC `json` or `raw`.
 * Tells its port, and answers each message with a {@link SubjectReport} of the time since the last; to `collect`
 * after a collection of garbage.
 */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  Bandwidth,
  JsonCodec,
  OnDatagram,
  RawCodec,
  throttledUdp,
  ThrottledUdpModule,
  ThrottledUdpTransport,
} from 'nestjs-throttled-udp';
import { Observable } from 'rxjs';
import { StallWatch, type Stall } from './stall-watch.js';

export interface SubjectReport {
  readonly stall: Stall;
  /** Resident set, bytes; with what is not collected yet, unless a collection was asked for. */
  readonly rssBytes: number;
  readonly stats: ReturnType<ThrottledUdpTransport['stats']>;
  /** What has become of `Object.prototype`; must be nothing. */
  readonly polluted: readonly string[];
}

/** A number out of whatever a peer sends, within bounds. */
function count(data: unknown, most: number): number {
  return typeof data === 'number' && data >= 0 ? Math.min(Math.floor(data), most) : 0;
}

@Controller()
class FuzzedController {
  @MessagePattern('value') value(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('promise') async promise(@Payload() data: unknown): Promise<unknown> {
    await Promise.resolve();
    return data;
  }

  @MessagePattern('observable') observable(@Payload() data: unknown): Observable<number> {
    return new Observable((subscriber) => {
      for (let i = 0; i < count(data, 20); i++) subscriber.next(i);
      subscriber.complete();
    });
  }

  @MessagePattern('generator') async *generator(@Payload() data: unknown): AsyncGenerator<number> {
    for (let i = 0; i < count(data, 20); i++) yield i;
  }

  @MessagePattern('large') large(@Payload() data: unknown): string {
    return 'l'.repeat(count(data, 50_000));
  }

  @MessagePattern('length') length(@Payload() data: unknown): number {
    return typeof data === 'string' ? data.length : -1;
  }

  @MessagePattern('slow') async slow(@Payload() data: unknown): Promise<unknown> {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return data;
  }

  @MessagePattern('failing') failing(): never {
    throw new Error('as asked');
  }

  @MessagePattern('limited') @Bandwidth('1 MB/s') limited(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('never') never(): Promise<never> {
    return new Promise(() => undefined);
  }

  @EventPattern<string>('event') event(): void {}

  @EventPattern<string>('confirmed') async confirmed(): Promise<void> {
    await Promise.resolve();
  }
}

@Controller()
class RawController {
  @OnDatagram() echo(@Payload() data: Buffer): Buffer | Promise<Buffer> | Observable<Buffer> | undefined {
    switch (data[0]) {
      case 0x65:
        return data;
      case 0x70:
        return Promise.resolve(data);
      case 0x61:
        return Buffer.concat([data, data, data, data]);
      case 0x66:
        throw new Error('as asked');
      case 0x6f:
        return new Observable((subscriber) => {
          subscriber.next(data.subarray(0, 10));
          subscriber.next(data.subarray(0, 20));
          subscriber.complete();
        });
      default:
        return undefined;
    }
  }
}

const [codec, validated] = process.argv.slice(2);
const isRaw = codec === 'raw';

@Module({
  imports: [
    ThrottledUdpModule.forRoot({
      port: 0,
      codec: isRaw ? new RawCodec() : new JsonCodec(),
      recvBufferSize: 4 * 2 ** 20,
      ...(isRaw ? {} : { addressValidation: validated === 'validated' }),
      lease: 10_000,
    }),
  ],
  controllers: [isRaw ? RawController : FuzzedController],
})
class FuzzedModule {}

const app = await NestFactory.createMicroservice(FuzzedModule, { ...throttledUdp(), logger: false });
await app.listen();
const transport = app.get(ThrottledUdpTransport);

const watch = new StallWatch();
watch.start();
process.on('message', (question) => {
  const stall = watch.stop();
  if (question === 'collect') globalThis.gc?.();
  const polluted = Object.getOwnPropertyNames(Object.prototype).filter((name) => !CLEAN.has(name));
  const report: SubjectReport = {
    stall,
    rssBytes: process.memoryUsage.rss(),
    stats: transport.stats(),
    polluted,
  };
  process.send?.(report);
  watch.start();
});
process.on('disconnect', () => process.exit());
process.send?.({ port: transport.address()?.port });

const CLEAN = new Set(Object.getOwnPropertyNames(Object.prototype));
