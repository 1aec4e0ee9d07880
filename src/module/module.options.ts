import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency, Type } from '@nestjs/common';
import type { ThrottledUdpCallOptions, ThrottledUdpClientOptions } from '../transport/client.options.js';
import type { ThrottledUdpTransportOptions } from '../transport/transport.options.js';

/** Options of `ThrottledUdpModule.forRoot`. */
export interface ThrottledUdpModuleOptions extends ThrottledUdpTransportOptions {
  /** Whether every module can inject the transport without importing this one. @default true */
  readonly isGlobal?: boolean;
}

/** A provider that makes the options of a transport. */
export interface ThrottledUdpOptionsFactory {
  createThrottledUdpOptions(): ThrottledUdpTransportOptions | Promise<ThrottledUdpTransportOptions>;
}

/** How an asynchronous provider gets what it makes: by one of three ways. */
export interface AsyncWays<Options, Factory> extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  readonly useFactory?: (...args: never[]) => Options | Promise<Options>;
  /** Instantiated by the module. */
  readonly useClass?: Type<Factory>;
  /** Taken from the imported modules. */
  readonly useExisting?: InjectionToken<Factory>;
}

/** Options of `ThrottledUdpModule.forRootAsync`. */
export interface ThrottledUdpModuleAsyncOptions extends AsyncWays<
  ThrottledUdpTransportOptions,
  ThrottledUdpOptionsFactory
> {
  /** Name of the transport; known before its options are. @default 'default' */
  readonly name?: string;
  /** Whether every module can inject the transport without importing this one. @default true */
  readonly isGlobal?: boolean;
}

/** What `registerClient` needs besides the options of the client itself. */
export interface ClientRegistration {
  /** Injection token of the client: `@Inject('MATH') private readonly math: ThrottledUdpClient`. */
  readonly name: string | symbol;
  /** Whether every module can inject the client without importing this one. @default false */
  readonly isGlobal?: boolean;
}

/** A client with a socket and limits of its own. */
export interface OwnSocketClient extends ThrottledUdpClientOptions {
  readonly shareTransport?: false;
}

/** A client that uses the socket, the limits and the codec of a transport. */
export interface SharedSocketClient extends ThrottledUdpCallOptions {
  /** `true` for the default transport, or the name of another. */
  readonly shareTransport: true | string;
}

/** Options of `ThrottledUdpModule.registerClient`. */
export type ThrottledUdpClientModuleOptions = ClientRegistration & (OwnSocketClient | SharedSocketClient);

/** A provider that makes the options of a client. */
export interface ThrottledUdpClientOptionsFactory {
  createThrottledUdpClientOptions(): ThrottledUdpClientOptions | Promise<ThrottledUdpClientOptions>;
}

/** Options of `ThrottledUdpModule.registerClientAsync`. */
export interface ThrottledUdpClientModuleAsyncOptions
  extends ClientRegistration, AsyncWays<ThrottledUdpClientOptions, ThrottledUdpClientOptionsFactory> {
  /** Uses a transport's socket: the options may then be those of a call only. @default false */
  readonly shareTransport?: boolean | string;
}
