import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { formatRate, throttledUdp, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { AppModule } from './app.module.js';
import { DhtService } from './dht.service.js';
import { readSettings } from './settings.js';

const app = await NestFactory.createMicroservice(AppModule, {
  ...throttledUdp(),
  logger: ['warn', 'error'],
});
app.enableShutdownHooks();
await app.listen();

const transport = app.get(ThrottledUdpTransport);
const dht = app.get(DhtService);
const { address = '', port = 0 } = transport.address() ?? {};
console.log(`DHT node ${dht.id.toString('hex')} on ${address}:${port}`);
console.log(`upload ${formatRate(transport.upload.rate)}, download ${formatRate(transport.download.rate)}`);

const { bootstrap } = readSettings(process.env);
if (bootstrap.length > 0) console.log(`joined: ${await dht.join(bootstrap)} nodes known`);
