import type { INestMicroservice, Provider, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  throttledUdp,
  ThrottledUdpClient,
  ThrottledUdpModule,
  ThrottledUdpTransport,
  type ThrottledUdpClientOptions,
  type ThrottledUdpTransportOptions,
} from '../../src/index.js';

/** A microservice on a free loopback port, and the means to ask it. */
export interface TestService {
  readonly app: INestMicroservice;
  readonly transport: ThrottledUdpTransport;
  readonly port: number;
  /** A client of the service; closed with it. */
  client(options?: ThrottledUdpClientOptions): ThrottledUdpClient;
  close(): Promise<void>;
}

export async function startService(
  controllers: Type[],
  options: ThrottledUdpTransportOptions = {},
  providers: Provider[] = [],
): Promise<TestService> {
  const moduleRef = await Test.createTestingModule({
    imports: [ThrottledUdpModule.forRoot({ port: 0, ...options })],
    controllers,
    providers,
  }).compile();
  const app = moduleRef.createNestMicroservice({ ...throttledUdp(options.name), logger: false });
  await app.listen();
  const transport = app.get<ThrottledUdpTransport>(
    options.name === undefined ? ThrottledUdpTransport : `ThrottledUdpTransport:${options.name}`,
  );
  const port = transport.address()?.port ?? 0;
  const clients: ThrottledUdpClient[] = [];
  return {
    app,
    transport,
    port,
    client(clientOptions = {}) {
      const client = new ThrottledUdpClient({ port, ...clientOptions });
      clients.push(client);
      return client;
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await app.close();
    },
  };
}
