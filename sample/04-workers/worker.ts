import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { throttledUdp, ThrottledUdpModule } from 'nestjs-throttled-udp';
import { DigestController } from './digest.controller.js';
import { HOST } from './settings.js';

@Module({
  imports: [
    ThrottledUdpModule.forRoot({
      host: HOST,
      port: Number(process.env['PORT']),
      upload: '10 MB/s',
      // A socket of its own on the port of all.
      socket: { reusePort: true },
      // What proves an address to one worker proves it to all.
      addressValidation: { secret: process.env['SECRET'] ?? '' },
    }),
  ],
  controllers: [DigestController],
})
class WorkerModule {}

/** Serves until its primary disconnects. */
export async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(WorkerModule, {
    ...throttledUdp(),
    logger: ['warn', 'error'],
  });
  await app.listen();
  process.once('disconnect', () => void app.close().then(() => process.exit()));
  process.send?.('listening');
}
