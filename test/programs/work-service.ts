/** A service whose handler takes its time: `work-service.ts PORT MILLISECONDS`. */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { throttledUdp, ThrottledUdpModule, ThrottledUdpTransport } from 'nestjs-throttled-udp';

const [port = 0, workMs = 0] = process.argv.slice(2).map(Number);

@Controller()
class WorkController {
  @MessagePattern('work') async work(@Payload() n: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, workMs));
    return 2 * n;
  }
}

@Module({ imports: [ThrottledUdpModule.forRoot({ port })], controllers: [WorkController] })
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, { ...throttledUdp(), logger: false });
await app.listen();
process.stdout.write(`listening on ${app.get(ThrottledUdpTransport).address()?.port}\n`);
