import {
  Module,
  type DynamicModule,
  type FactoryProvider,
  type InjectionToken,
  type Provider,
} from '@nestjs/common';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import type { ThrottledUdpCallOptions } from '../transport/client.options.js';
import { ThrottledUdpClient } from '../transport/throttled-udp.client.js';
import { ThrottledUdpTransport } from '../transport/throttled-udp.transport.js';
import { DEFAULT_TRANSPORT } from '../transport/transport-id.js';
import type { ThrottledUdpTransportOptions } from '../transport/transport.options.js';
import { asyncProviders } from './async-provider.js';
import type {
  ThrottledUdpClientModuleAsyncOptions,
  ThrottledUdpClientModuleOptions,
  ThrottledUdpClientOptionsFactory,
  ThrottledUdpModuleAsyncOptions,
  ThrottledUdpModuleOptions,
  ThrottledUdpOptionsFactory,
} from './module.options.js';
import { ShutdownGateModule, SocketRegistry } from './shutdown-gate.module.js';
import { getTransportToken } from './tokens.js';

/** Transports and clients as providers, closed with the application. */
@Module({})
export class ThrottledUdpModule {
  /**
   * Provides one transport, or several with different names. Serve one with
   * `NestFactory.createMicroservice(AppModule, throttledUdp(name?))`; one that is not served can send.
   *
   * @throws {InvalidOptionError} naming an option that is wrong or unknown
   */
  static forRoot(
    options: ThrottledUdpModuleOptions | readonly ThrottledUdpModuleOptions[] = {},
  ): DynamicModule {
    const list = asList<ThrottledUdpModuleOptions>(options);
    const names = list.map(({ name = DEFAULT_TRANSPORT }) => name);
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined) throw new InvalidOptionError('name', `is given twice: ${show(repeated)}`);
    return moduleOf(
      list.map(({ isGlobal = true, ...transport }) => ({
        provide: getTransportToken(transport.name),
        useFactory: (registry: SocketRegistry) => openTransport(transport, registry),
        inject: [SocketRegistry],
        isGlobal,
      })),
    );
  }

  /** As {@link forRoot}, with options that other providers make. */
  static forRootAsync(options: ThrottledUdpModuleAsyncOptions): DynamicModule {
    const { name = DEFAULT_TRANSPORT, isGlobal = true } = options;
    const token = `ThrottledUdpOptions:${name}`;
    const provider = {
      provide: getTransportToken(name),
      useFactory: (made: ThrottledUdpTransportOptions | undefined, registry: SocketRegistry) => {
        if (made?.name !== undefined && made.name !== name) {
          throw new InvalidOptionError(
            'name',
            `is ${show(made.name)}, but stands as ${show(name)} in forRootAsync`,
          );
        }
        return openTransport({ ...made, name }, registry);
      },
      inject: [token, SocketRegistry],
    };
    const sources = asyncProviders(token, options, (factory: ThrottledUdpOptionsFactory) =>
      factory.createThrottledUdpOptions(),
    );
    return moduleOf([{ ...provider, isGlobal, sources }], options.imports);
  }

  /**
   * Provides one client, or several, each under its `name`.
   *
   * @throws {InvalidOptionError} naming an option that is wrong or unknown
   */
  static registerClient(
    options: ThrottledUdpClientModuleOptions | readonly ThrottledUdpClientModuleOptions[],
  ): DynamicModule {
    const list = asList<ThrottledUdpClientModuleOptions>(options);
    return moduleOf(
      list.map(({ name, isGlobal = false, shareTransport = false, ...client }) => ({
        isGlobal,
        provide: checkToken(name),
        useFactory: (registry: SocketRegistry, transport?: ThrottledUdpTransport) =>
          openClient(client, registry, transport),
        inject: [SocketRegistry, ...sharedToken(shareTransport)],
      })),
    );
  }

  /** As {@link registerClient}, with options that other providers make. */
  static registerClientAsync(
    options: ThrottledUdpClientModuleAsyncOptions | readonly ThrottledUdpClientModuleAsyncOptions[],
  ): DynamicModule {
    const list = asList<ThrottledUdpClientModuleAsyncOptions>(options);
    const tokens = list.map(({ name }) => `ThrottledUdpClientOptions:${String(checkToken(name))}`);
    const clients = list.map(({ name, isGlobal = false, shareTransport = false, ...ways }, index) => ({
      isGlobal,
      provide: name,
      useFactory: (
        made: ThrottledUdpCallOptions,
        registry: SocketRegistry,
        transport?: ThrottledUdpTransport,
      ) => openClient(made, registry, transport),
      inject: [tokens[index] as string, SocketRegistry, ...sharedToken(shareTransport)],
      sources: asyncProviders(tokens[index] as string, ways, (factory: ThrottledUdpClientOptionsFactory) =>
        factory.createThrottledUdpClientOptions(),
      ),
    }));
    return moduleOf(
      clients,
      list.flatMap(({ imports = [] }) => imports),
    );
  }
}

/** A provider that other modules may inject: all of them, or only those that import its module. */
interface ShownProvider extends FactoryProvider {
  readonly isGlobal: boolean;
  /** Providers that only this one needs. */
  readonly sources?: readonly Provider[];
}

function moduleOf(shown: readonly ShownProvider[], imports: DynamicModule['imports'] = []): DynamicModule {
  const isGlobal = shown.every((provider) => provider.isGlobal);
  const own = shown.filter((provider) => provider.isGlobal === isGlobal);
  const others = shown.filter((provider) => provider.isGlobal !== isGlobal);
  // Nest knows global modules, not global providers: those of a mixed list stand in a module of their own.
  const inner = others.length === 0 ? [] : [moduleOf(others, imports)];
  return {
    module: ThrottledUdpModule,
    global: isGlobal,
    imports: [ShutdownGateModule, ...inner, ...imports],
    providers: [{ provide: DEFINITION, useValue: ++definitions }, ...own.flatMap(providersOf)],
    exports: own.map(({ provide }) => provide),
  };
}

function providersOf({ isGlobal: _isGlobal, sources = [], ...provider }: ShownProvider): Provider[] {
  return [...sources, provider];
}

// Nest's deep hash of a module sees no options, for these stand in closures: without a number of its own, a second
// definition would be taken for the first.
let definitions = 0;

const DEFINITION = Symbol('ThrottledUdpModule definition');

function openTransport(
  options: ThrottledUdpTransportOptions,
  registry: SocketRegistry,
): ThrottledUdpTransport {
  const transport = new ThrottledUdpTransport(options);
  registry.transports.add(transport);
  return transport;
}

function openClient(
  options: ThrottledUdpCallOptions,
  registry: SocketRegistry,
  transport: ThrottledUdpTransport | undefined,
): ThrottledUdpClient {
  const client = transport === undefined ? new ThrottledUdpClient(options) : transport.createClient(options);
  registry.clients.add(client);
  return client;
}

function sharedToken(shareTransport: boolean | string): InjectionToken[] {
  if (shareTransport === false) return [];
  return [getTransportToken(shareTransport === true ? undefined : shareTransport)];
}

function checkToken(name: unknown): string | symbol {
  if ((typeof name === 'string' && name !== '') || typeof name === 'symbol') return name;
  throw new InvalidOptionError('name', `must be the injection token of the client, got ${show(name)}`);
}

function asList<T>(options: T | readonly T[]): readonly T[] {
  return Array.isArray(options) ? (options as readonly T[]) : [options as T];
}
