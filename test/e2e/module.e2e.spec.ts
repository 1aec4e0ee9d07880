import { describe, expect, it } from '@jest/globals';
import { Controller, Inject, Injectable, Module, Optional, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Client,
  ClientsModule,
  Ctx,
  MessagePattern,
  Payload,
  type ClientOptions,
  type ClientProxy,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';
import {
  getTransportId,
  getTransportToken,
  InjectTransport,
  throttledUdp,
  ThrottledUdpClient,
  ThrottledUdpModule,
  ThrottledUdpTransport,
  UdpContext,
  UdpRecordBuilder,
  type ThrottledUdpModuleOptions,
  type ThrottledUdpOptionsFactory,
  type ThrottledUdpTransportOptions,
} from '../../src/index.js';

@Controller()
class MathController {
  @MessagePattern('sum') sum(@Payload() data: number[]): number {
    return data.reduce((a, b) => a + b, 0);
  }
}

@Controller()
class TwoTransportsController {
  @MessagePattern('where') everywhere(@Ctx() context: UdpContext): string {
    return context.getPattern();
  }

  @MessagePattern('where-dht', getTransportId('dht')) dht(): string {
    return 'dht';
  }

  @MessagePattern('where-default', getTransportId()) standard(): string {
    return 'default';
  }
}

@Injectable()
class Settings implements ThrottledUdpOptionsFactory {
  createThrottledUdpOptions(): Promise<ThrottledUdpTransportOptions> {
    return Promise.resolve({ port: 0, upload: '5 kB/s' });
  }
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

async function serve(imports: DynamicModule[], name?: string) {
  const moduleRef = await Test.createTestingModule({ imports, controllers: [MathController] }).compile();
  const app = moduleRef.createNestMicroservice({ ...throttledUdp(name), logger: false });
  await app.listen();
  const transport = app.get<ThrottledUdpTransport>(getTransportToken(name));
  return { app, transport, port: transport.address()?.port ?? 0 };
}

async function sumOf(client: ClientProxy, data: number[], port?: number): Promise<number> {
  const builder = new UdpRecordBuilder(data);
  if (port !== undefined) builder.setPeer({ host: '127.0.0.1', port });
  return firstValueFrom(client.send<number>('sum', builder.build()));
}

describe('ThrottledUdpModule', () => {
  it.each([
    ['forRoot', () => ThrottledUdpModule.forRoot({ port: 0, upload: '5 kB/s' }), undefined],
    [
      'forRoot with a name',
      () => ThrottledUdpModule.forRoot({ port: 0, upload: '5 kB/s', name: 'dht' }),
      'dht',
    ],
    [
      'useFactory',
      () =>
        ThrottledUdpModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: (settings: Settings) => settings.createThrottledUdpOptions(),
        }),
      undefined,
    ],
    ['useClass', () => ThrottledUdpModule.forRootAsync({ useClass: Settings }), undefined],
    [
      'useExisting, with a name',
      () =>
        ThrottledUdpModule.forRootAsync({ name: 'dht', imports: [SettingsModule], useExisting: Settings }),
      'dht',
    ],
  ])('serves a transport made by %s', async (_how, imports, name) => {
    const { app, transport, port } = await serve([imports()], name);
    expect(transport.upload.rate).toBe(5000);
    const client = new ThrottledUdpClient({ port });
    expect(await sumOf(client, [1, 2])).toBe(3);
    await client.close();
    await app.close();
  });

  it('injects clients with a socket of their own, and closes them with the application', async () => {
    const { app, port } = await serve([ThrottledUdpModule.forRoot({ port: 0 })]);
    const context = await NestFactory.createApplicationContext(
      {
        module: class ClientModule {},
        imports: [
          ThrottledUdpModule.registerClient([
            { name: 'MATH', port, timeout: 2000 },
            { name: Symbol.for('OTHER'), port, upload: '10 kB/s' },
          ]),
          ThrottledUdpModule.registerClientAsync({ name: 'LATER', useFactory: () => ({ port }) }),
        ],
      },
      { logger: false },
    );
    const clients = ['MATH', Symbol.for('OTHER'), 'LATER'].map((token) =>
      context.get<ThrottledUdpClient>(token),
    );
    for (const client of clients) expect(await sumOf(client, [2, 3])).toBe(5);
    expect(clients[1]?.upload.rate).toBe(10_000);
    await context.close();
    for (const client of clients) {
      await expect(sumOf(client, [1])).rejects.toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
      expect(client.stats().state).toBe('closed');
    }
    await app.close();
  });

  it('lets a client share the socket and the limits of a transport', async () => {
    const { app: other, port } = await serve([ThrottledUdpModule.forRoot({ port: 0 })]);
    const { app, transport } = await serve([
      ThrottledUdpModule.forRoot({ port: 0, upload: '1 MB/s' }),
      ThrottledUdpModule.registerClient({ name: 'PEERS', shareTransport: true }),
      ThrottledUdpModule.registerClientAsync({
        name: 'PEERS2',
        shareTransport: 'default',
        useFactory: () => ({ timeout: 100 }),
      }),
    ]);
    for (const name of ['PEERS', 'PEERS2']) {
      const client = app.get<ThrottledUdpClient>(name);
      expect(await sumOf(client, [4, 5], port)).toBe(9);
      expect(client.upload).toBe(transport.upload);
    }
    expect(transport.stats().upload.datagrams).toBe(2);
    // Closing the client leaves the socket to its owner.
    await app.get<ThrottledUdpClient>('PEERS').close();
    expect(transport.stats().state).toBe('bound');
    await app.close();
    await other.close();
  });

  it('serves several transports of a hybrid application, with handlers bound to one of them', async () => {
    @Injectable()
    class Holder {
      constructor(
        @InjectTransport() readonly standard: ThrottledUdpTransport,
        @InjectTransport('dht') readonly dht: ThrottledUdpTransport,
      ) {}
    }
    const moduleRef = await Test.createTestingModule({
      imports: [ThrottledUdpModule.forRoot([{ port: 0 }, { port: 0, name: 'dht' }])],
      controllers: [TwoTransportsController],
      providers: [Holder],
    }).compile();
    const app = moduleRef.createNestApplication();
    app.useLogger(false);
    app.connectMicroservice(throttledUdp());
    app.connectMicroservice(throttledUdp('dht'));
    await app.init();
    await app.startAllMicroservices();
    const { standard, dht } = app.get(Holder);
    const client = new ThrottledUdpClient();
    const ask = (transport: ThrottledUdpTransport, pattern: string): Promise<string> =>
      firstValueFrom(
        client.send<string>(
          pattern,
          new UdpRecordBuilder('')
            .setPeer({ host: '127.0.0.1', port: transport.address()?.port ?? 0 })
            .build(),
        ),
      );
    expect(await ask(standard, 'where')).toBe('where');
    expect(await ask(dht, 'where')).toBe('where');
    expect(await ask(standard, 'where-default')).toBe('default');
    expect(await ask(dht, 'where-dht')).toBe('dht');
    await expect(ask(standard, 'where-dht')).rejects.toMatchObject({ code: 'UDP_NO_HANDLER' });
    await expect(ask(dht, 'where-default')).rejects.toMatchObject({ code: 'UDP_NO_HANDLER' });
    await client.close();
    await app.close();
    expect([standard.stats().state, dht.stats().state]).toEqual(['closed', 'closed']);
  });

  it.each(['reference', 'deep-hash'] as const)(
    'keeps clients of one name in different modules apart, with module ids by %s',
    async (moduleIdGeneratorAlgorithm) => {
      const ports = [7001, 7002];
      const features = ports.map((port) => {
        @Injectable()
        class Holder {
          constructor(@Inject('MATH') readonly client: ThrottledUdpClient) {}
        }
        @Module({
          imports: [ThrottledUdpModule.registerClient({ name: 'MATH', port, upload: port })],
          providers: [Holder],
        })
        class FeatureModule {}
        return { Holder, FeatureModule };
      });
      const context = await NestFactory.createApplicationContext(
        { module: class RootModule {}, imports: features.map(({ FeatureModule }) => FeatureModule) },
        { logger: false, moduleIdGeneratorAlgorithm },
      );
      const rates = features.map(({ Holder }) => context.get(Holder).client.upload.rate);
      expect(rates).toEqual(ports);
      await context.close();
    },
  );

  it.each([
    [
      'a transport',
      () =>
        ThrottledUdpModule.forRoot([
          { name: 'open', port: 0 },
          { name: 'own', port: 0, isGlobal: false },
        ]),
      getTransportToken('open'),
      getTransportToken('own'),
    ],
    [
      'a client',
      () => ThrottledUdpModule.registerClient([{ name: 'OWN' }, { name: 'OPEN', isGlobal: true }]),
      'OPEN',
      'OWN',
    ],
    [
      'a client made later',
      () =>
        ThrottledUdpModule.registerClientAsync([
          { name: 'OPEN', isGlobal: true, useFactory: () => ({}) },
          { name: 'OWN', useFactory: () => ({}) },
        ]),
      'OPEN',
      'OWN',
    ],
  ])('shows %s only where it is global or imported', async (_what, make, open, own) => {
    @Injectable()
    class Stranger {
      constructor(
        @Inject(open) readonly everywhere: unknown,
        @Optional() @Inject(own) readonly here: unknown,
      ) {}
    }
    @Module({ providers: [Stranger] })
    class StrangerModule {}
    @Injectable()
    class Importer {
      constructor(
        @Inject(open) readonly everywhere: unknown,
        @Optional() @Inject(own) readonly here: unknown,
      ) {}
    }
    @Module({ imports: [make()], providers: [Importer] })
    class ImporterModule {}
    const context = await NestFactory.createApplicationContext(
      { module: class RootModule {}, imports: [ImporterModule, StrangerModule] },
      { logger: false },
    );
    expect(context.get(Importer).everywhere).toBeDefined();
    expect(context.get(Importer).here).toBeDefined();
    expect(context.get(Stranger).everywhere).toBe(context.get(Importer).everywhere);
    expect(context.get(Stranger).here).toBeUndefined();
    await context.close();
  });

  it('works as a plain strategy, without the module', async () => {
    const strategy = new ThrottledUdpTransport({ port: 0, upload: '1 MB/s' });
    const moduleRef = await Test.createTestingModule({ controllers: [MathController] }).compile();
    const app = moduleRef.createNestMicroservice({ strategy, logger: false });
    await app.listen();
    const client = strategy.createClient({ port: strategy.address()?.port ?? 0 });
    expect(await sumOf(client, [1, 1])).toBe(2);
    await app.close();
    expect(strategy.stats().state).toBe('closed');
  });

  it("works through Nest's ClientsModule and @Client()", async () => {
    const { app, port } = await serve([ThrottledUdpModule.forRoot({ port: 0 })]);

    @Controller()
    class WithClient {
      // Nest's type of this decorator does not know custom classes; the decorator does.
      @Client({ customClass: ThrottledUdpClient, options: { port } } as unknown as ClientOptions)
      readonly property!: ClientProxy;

      constructor(@Inject('MATH') readonly injected: ClientProxy) {}
    }

    const moduleRef = await Test.createTestingModule({
      imports: [
        ClientsModule.register([{ name: 'MATH', customClass: ThrottledUdpClient, options: { port } }]),
      ],
      controllers: [WithClient],
    }).compile();
    const strategy = new ThrottledUdpTransport({ port: 0, name: 'unused' });
    const second = moduleRef.createNestMicroservice({ strategy, logger: false });
    await second.listen();
    const { property, injected } = second.get(WithClient);
    expect(await sumOf(injected, [3, 3])).toBe(6);
    expect(await sumOf(property, [3, 4])).toBe(7);
    await second.close();
    await app.close();
    await expect(sumOf(injected, [1])).rejects.toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
  });

  const refused: [string, () => unknown, RegExp][] = [
    [
      'an unknown option',
      () => new ThrottledUdpTransport({ uplaod: 5 } as object),
      /^uplaod is not an option; known here: /,
    ],
    [
      'an unknown field inside',
      () => new ThrottledUdpTransport({ queue: { maxBites: 1 } } as object),
      /^queue\.maxBites is not/,
    ],
    [
      'a rate in two units',
      () => new ThrottledUdpTransport({ upload: '10 Mbps' }),
      /^upload is not clear.*Mbit\/s.*MB\/s/,
    ],
    [
      'a negative rate',
      () => new ThrottledUdpTransport({ upload: { rate: -1 } }),
      /^upload\.rate must not be negative, got -1$/,
    ],
    [
      'a port that is none',
      () => new ThrottledUdpTransport({ port: 70_000 }),
      /^port must be a whole number from 0 to 65535/,
    ],
    [
      'a codec without methods',
      () => new ThrottledUdpTransport({ codec: {} as never }),
      /^codec must have the method decode\(\) and encode\(\)/,
    ],
    [
      'a wrong onLimit',
      () => new ThrottledUdpTransport({ download: { onLimit: 'wait' as never } }),
      /^download\.onLimit must be one of/,
    ],
    [
      'a timeout of zero',
      () => new ThrottledUdpClient({ timeout: 0 }),
      /^timeout must be a number of milliseconds above 0/,
    ],
    [
      'limits on a shared socket',
      () => new ThrottledUdpTransport().createClient({ upload: 5 } as object),
      /^upload is not an option/,
    ],
    [
      'two transports of one name',
      () => ThrottledUdpModule.forRoot([{ name: 'a' }, { name: 'a' }]),
      /^name is given twice: 'a'/,
    ],
    [
      'no way to make options',
      () => ThrottledUdpModule.forRootAsync({}),
      /^useFactory or useClass or useExisting must be given/,
    ],
    [
      'a client without a name',
      () => ThrottledUdpModule.registerClient({} as never),
      /^name must be the injection token/,
    ],
  ];

  it.each(refused)('refuses %s by name', (_what, make, sentence) => {
    expect(make).toThrow(sentence);
    expect(make).toThrow(expect.objectContaining({ code: 'UDP_INVALID_OPTION' }));
  });

  it('refuses wrong options of a module when the application starts', async () => {
    const options = { port: 0, uplaod: 1 } as ThrottledUdpModuleOptions;
    await expect(
      Test.createTestingModule({ imports: [ThrottledUdpModule.forRoot(options)] }).compile(),
    ).rejects.toThrow(/^uplaod is not an option/);
  });
});
