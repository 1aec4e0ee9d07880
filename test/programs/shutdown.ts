/** A service that tells in which order it is torn down: `shutdown.ts pure | hybrid`. */
import 'reflect-metadata';
import { Controller, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { throttledUdp, ThrottledUdpModule, ThrottledUdpTransport } from 'nestjs-throttled-udp';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

@Injectable()
class Database implements OnModuleDestroy {
  isOpen = true;

  onModuleDestroy(): void {
    this.isOpen = false;
    say('database closed');
  }
}

let finish: () => void = () => undefined;

@Controller()
class WorkController {
  constructor(private readonly database: Database) {}

  @MessagePattern('work') async work(): Promise<string> {
    say('handler started');
    await new Promise<void>((resolve) => (finish = resolve));
    const open = this.database.isOpen ? 'open' : 'closed';
    say(`handler done, database ${open}`);
    return `database was ${open}`;
  }
}

@Module({
  imports: [ThrottledUdpModule.forRoot({ port: 0, upload: '1 kB/s', drainTimeout: 20_000 })],
  providers: [Database],
  controllers: [WorkController],
})
class AppModule {}

const isHybrid = process.argv[2] === 'hybrid';
const app = isHybrid
  ? await NestFactory.create(AppModule, { logger: false })
  : await NestFactory.createMicroservice(AppModule, { ...throttledUdp(), logger: false });
if ('connectMicroservice' in app) {
  app.connectMicroservice(throttledUdp());
  await app.init();
  await app.startAllMicroservices();
} else {
  await app.listen();
}
app.enableShutdownHooks();
const transport = app.get(ThrottledUdpTransport);
// The handler is released only once the tear-down has begun: by the first word that intake has stopped.
const stopIntake = transport.stopIntake.bind(transport);
transport.stopIntake = () => {
  const stopped = stopIntake();
  say('intake stopped');
  setImmediate(finish);
  return stopped;
};
process.on('exit', () => say(`exit, socket ${transport.stats().state}`));
say(`listening on ${transport.address()?.port}`);
