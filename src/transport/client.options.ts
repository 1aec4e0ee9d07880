import type { ProducerDeserializer, ProducerSerializer } from '@nestjs/microservices';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { OptionReader, show } from '../common/option-reader.js';
import type { DatagramCodec } from '../codec/datagram-codec.js';
import {
  readEndpointOptions,
  type EndpointOptions,
  type UdpEndpointOptions,
} from '../endpoint/endpoint.options.js';
import {
  readExchangeOptions,
  type AskingOptions,
  type ExchangeLimits,
} from '../endpoint/exchange.options.js';
import { carriesExchange } from '../endpoint/exchange-parts.js';
import type { PeerLike } from '../endpoint/host-cache.js';
import type { RequestTimes } from '../endpoint/asking.js';
import { DRAIN_TIMEOUT_MS, readCodec, readMaxPending } from './transport.options.js';

/** What a client says, to whom, and how long it waits; all that a client on a shared socket can choose. */
export interface ThrottledUdpCallOptions {
  /** Host name or address of the server. @default '127.0.0.1' */
  readonly host?: string;
  /** Port of the server, 1 to 65535. @default 3000 */
  readonly port?: number;
  /**
   * Milliseconds until the first value of a reply must be here, from the call on: looking the host up and binding
   * the socket count. `Infinity` waits for ever. @default 5000
   */
  readonly timeout?: number;
  /** Milliseconds from one value of a stream to the next; `Infinity` waits for ever. @default 30000 */
  readonly streamTimeout?: number;
  /**
   * Whether `emit` completes only when the service has the event, which is sent again until then or until
   * `timeout`. Else events are sent once. Records can choose for themselves. @default false
   */
  readonly confirmable?: boolean;
  /** Nest's hook on outgoing packets: gets and returns `{ pattern, data, metadata }`. */
  readonly serializer?: ProducerSerializer;
  /** Nest's hook on replies: gets and returns `{ id, response, err, status, isDisposed }`. */
  readonly deserializer?: ProducerDeserializer;
}

/** Options of a {@link ThrottledUdpClient} with a socket of its own. */
export interface ThrottledUdpClientOptions
  extends ThrottledUdpCallOptions, UdpEndpointOptions, AskingOptions {
  /** The protocol. @default new JsonCodec() */
  readonly codec?: DatagramCodec;
  /** Requests that may wait for replies at once. @default 65536 */
  readonly maxPendingRequests?: number;
  /** Local address to bind. @default all addresses of the socket's type */
  readonly localHost?: string;
  /** Local port to bind. @default 0, a free one */
  readonly localPort?: number;
  /**
   * Connects the socket to `host` and `port`: the kernel drops what others send, and a server that is not
   * there fails a request at once with `PeerUnreachableError`. Records cannot choose another peer then.
   * @default false
   */
  readonly connected?: boolean;
  /** How long `close()` lets queued datagrams leave, milliseconds. @default 5000 */
  readonly drainTimeout?: number;
}

/** {@link ThrottledUdpCallOptions} after reading. */
export interface ResolvedCallOptions {
  readonly server: PeerLike;
  readonly times: RequestTimes;
  readonly confirmable: boolean;
  readonly serializer: ProducerSerializer | undefined;
  readonly deserializer: ProducerDeserializer | undefined;
}

/** {@link ThrottledUdpClientOptions} after reading. */
export interface ResolvedClientOptions extends ResolvedCallOptions {
  readonly endpoint: EndpointOptions;
  readonly codec: DatagramCodec;
  readonly exchange: ExchangeLimits;
  readonly maxPendingRequests: number;
  readonly connected: boolean;
  readonly drainTimeoutMs: number;
}

/** @throws {InvalidOptionError} naming the field that is wrong or unknown */
export function resolveClientOptions(options: ThrottledUdpClientOptions | undefined): ResolvedClientOptions {
  const reader = new OptionReader(options, '');
  const call = readCallOptions(reader);
  const localHost = reader.read('localHost', asHost, undefined) ?? anyAddressFor(call.server.host, options);
  const codec = readCodec(reader);
  const localPort = reader.port('localPort', 0);
  const resolved: ResolvedClientOptions = {
    ...call,
    endpoint: readEndpointOptions(reader, localHost, localPort, carriesExchange(codec)),
    codec,
    exchange: readExchangeOptions(reader, false),
    maxPendingRequests: readMaxPending(reader),
    connected: reader.boolean('connected', false),
    drainTimeoutMs: reader.duration('drainTimeout', DRAIN_TIMEOUT_MS),
  };
  reader.refuseUnknown();
  return Object.freeze(resolved);
}

/** @throws {InvalidOptionError} also for options of the socket, which belong to the transport that shares it */
export function resolveCallOptions(options: ThrottledUdpCallOptions | undefined): ResolvedCallOptions {
  const reader = new OptionReader(options, '');
  const resolved = readCallOptions(reader);
  reader.refuseUnknown();
  return Object.freeze(resolved);
}

/** Milliseconds above 0: a request that may wait for no time at all could never be answered. */
export function asTimeout(value: unknown, field: string): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new InvalidOptionError(field, `must be a number of milliseconds above 0, got ${show(value)}`);
  }
  return value;
}

function readCallOptions(reader: OptionReader): ResolvedCallOptions {
  return {
    server: { host: reader.string('host', '127.0.0.1'), port: reader.integer('port', 1, 65_535, 3000) },
    times: {
      timeoutMs: reader.read('timeout', asTimeout, 5000),
      streamTimeoutMs: reader.read('streamTimeout', asTimeout, 30_000),
    },
    confirmable: reader.boolean('confirmable', false),
    serializer: reader.implementing<ProducerSerializer>('serializer', ['serialize']),
    deserializer: reader.implementing<ProducerDeserializer>('deserializer', ['deserialize']),
  };
}

function asHost(value: unknown, field: string): string | undefined {
  if (typeof value !== 'string' || value === '') {
    throw new InvalidOptionError(field, `must be a host name or an address, got ${show(value)}`);
  }
  return value;
}

function anyAddressFor(host: string, options: ThrottledUdpClientOptions | undefined): string {
  const type = options?.socket?.type ?? (host.includes(':') ? 'udp6' : 'udp4');
  return type === 'udp6' ? '::' : '0.0.0.0';
}
