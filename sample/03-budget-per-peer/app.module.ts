import { Module, type DynamicModule } from '@nestjs/common';
import { ThrottledUdpModule } from 'nestjs-throttled-udp';
import { LogController } from './log.controller.js';
import { LogStore } from './log-store.js';
import { SERVICE_LIMIT } from './settings.js';

/** A log server that can take and send so much in all and, with a budget, so much of and to each peer. */
@Module({ controllers: [LogController], providers: [LogStore] })
export class AppModule {
  static listenOn(port: number, budget?: number): DynamicModule {
    const transport = ThrottledUdpModule.forRoot({
      port,
      upload: SERVICE_LIMIT,
      // Half a second of the rate may wait.
      download: { rate: SERVICE_LIMIT, maxBytes: SERVICE_LIMIT / 2 },
      // All clients have the same address here, as behind one router: their ports tell them apart.
      ...(budget === undefined
        ? {}
        : { perPeer: { key: 'address-port', upload: budget, download: budget } as const }),
    });
    return { module: AppModule, imports: [transport] };
  }
}
