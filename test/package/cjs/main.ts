import 'reflect-metadata';
import assert from 'node:assert';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload, type AsyncMicroserviceOptions } from '@nestjs/microservices';
import {
  ThrottledUdpClient,
  ThrottledUdpModule,
  ThrottledUdpTransport,
  throttledUdp,
} from 'nestjs-throttled-udp';
import { ManualClock } from 'nestjs-throttled-udp/testing';
import { UdpThrottlerGuard } from 'nestjs-throttled-udp/throttler';
import { firstValueFrom } from 'rxjs';

@Controller()
class MathController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, each) => sum + each, 0);
  }
}

@Module({
  imports: [ThrottledUdpModule.forRoot({ host: '127.0.0.1', port: 0, upload: '100 kB/s' })],
  controllers: [MathController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
    ...throttledUdp(),
    logger: ['error', 'warn'],
  });
  await app.listen();
  const { port } = app.get(ThrottledUdpTransport).address()!;
  const client = new ThrottledUdpClient({ host: '127.0.0.1', port, upload: '100 kB/s' });
  const answer = await firstValueFrom(client.send<number>('sum', [1, 2, 3]));
  await client.close();
  await app.close();

  assert.equal(answer, 6);
  assert.equal(typeof new ManualClock().now(), 'number');
  assert.equal(UdpThrottlerGuard.name, 'UdpThrottlerGuard');
  // A class must be the same for those who import the package and for those who require it.
  const imported = await import('nestjs-throttled-udp');
  assert.equal(imported.ThrottledUdpTransport, ThrottledUdpTransport);
  console.log(`1 + 2 + 3 is ${answer}`);
}

void main();
