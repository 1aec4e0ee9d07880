import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { throttledUdp, ThrottledUdpClient, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { AppModule } from './app.module.js';
import { Load } from './load.js';
import { HOST, PORT, REQUESTS_PER_SECOND, SECONDS, UPLOAD_LIMIT } from './settings.js';
import { View } from './view.js';

const app = await NestFactory.createMicroservice(AppModule, {
  ...throttledUdp(),
  logger: ['warn', 'error'],
});
await app.listen();

const transport = app.get(ThrottledUdpTransport);
const port = transport.address()?.port ?? PORT;
console.log(`A throttled UDP microservice on ${HOST}:${port}, upload limit ${UPLOAD_LIMIT}.`);
console.log('Ask it by hand, from another terminal:');
console.log(`  echo '{"pattern":"sum","data":[1,2,3],"id":"1"}' | nc -u -w1 ${HOST} ${port}`);
console.log(`A client asks it for three times the limit${SECONDS === Infinity ? '; Ctrl-C ends' : ''}.\n`);

const client = new ThrottledUdpClient({ host: HOST, port });
const load = new Load(client, REQUESTS_PER_SECOND);
const view = new View(transport, load, process.stdout);

await new Promise<void>((resolve) => {
  // Not once: a terminal and npm may each pass the signal on, and a second one must not cut the drain short.
  process.on('SIGINT', resolve);
  process.on('SIGTERM', resolve);
  if (SECONDS !== Infinity) setTimeout(resolve, SECONDS * 1000);
});

load.stop();
view.stop();
console.log(`\n${view.summary()}`);
// The service first: what waits in its queue still leaves, and the client is there to take it.
await app.close();
await client.close();
