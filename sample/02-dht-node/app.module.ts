import { Module } from '@nestjs/common';
import { ThrottledUdpModule } from 'nestjs-throttled-udp';
import { DhtController } from './dht.controller.js';
import { DhtService } from './dht.service.js';
import { KrpcCodec } from './krpc.codec.js';
import { PeerStore } from './peer-store.js';
import { readSettings } from './settings.js';
import { TokenService } from './token.service.js';

@Module({
  imports: [
    ThrottledUdpModule.forRootAsync({
      useFactory: () => {
        const { host, port, upload, download } = readSettings(process.env);
        // However slow the limit is: a late answer is one, and KRPC has no word that makes a node ask again later.
        const queue = { busyAfter: Infinity };
        return { host, port, upload, download, queue, codec: new KrpcCodec() };
      },
    }),
    // Asks from the socket that listens: other nodes remember where a question came from.
    ThrottledUdpModule.registerClient({ name: 'DHT_CLIENT', shareTransport: true, timeout: 2_000 }),
  ],
  controllers: [DhtController],
  providers: [DhtService, PeerStore, TokenService],
})
export class AppModule {}
