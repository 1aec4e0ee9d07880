import type { ConsumerDeserializer, ConsumerSerializer } from '@nestjs/microservices';
import { OptionReader } from '../common/option-reader.js';
import type { DatagramCodec } from '../codec/datagram-codec.js';
import { JsonCodec } from '../codec/json.codec.js';
import { readAmplification, type AmplificationOptions } from '../endpoint/address-validation.options.js';
import {
  readEndpointOptions,
  type EndpointOptions,
  type UdpEndpointOptions,
} from '../endpoint/endpoint.options.js';
import {
  readExchangeOptions,
  type AskingOptions,
  type ExchangeLimits,
  type ServingOptions,
} from '../endpoint/exchange.options.js';
import { carriesExchange } from '../endpoint/exchange-parts.js';
import { parseByteSize, type ByteSize } from '../shaping/byte-size.js';
import type { HandlerLimits } from './handler-places.js';
import { DEFAULT_TRANSPORT } from './transport-id.js';

/** Options of a {@link ThrottledUdpTransport}. Durations are milliseconds. */
export interface ThrottledUdpTransportOptions
  extends UdpEndpointOptions, AskingOptions, ServingOptions, AmplificationOptions {
  /** Tells several transports of one application apart. @default 'default' */
  readonly name?: string;
  /** Host name or address to bind. @default '127.0.0.1' */
  readonly host?: string;
  /** Port to bind; 0 picks a free one, `address()` tells which. @default 3000 */
  readonly port?: number;
  /** The protocol. @default new JsonCodec() */
  readonly codec?: DatagramCodec;
  /** Nest's hook on outgoing packets: gets and returns `{ id, response, err, status, isDisposed }`. */
  readonly serializer?: ConsumerSerializer;
  /** Nest's hook on incoming packets: gets and returns `{ pattern, data, id, metadata }`. */
  readonly deserializer?: ConsumerDeserializer;
  /** Requests sent through this socket that may wait for replies at once. @default 65536 */
  readonly maxPendingRequests?: number;
  /**
   * Handlers that may run at once, 1 to 16777216; one that returns a stream runs until its last value has left.
   * What comes beyond waits for its turn. @default 16384
   */
  readonly maxConcurrentHandlers?: number;
  /**
   * What may wait for a handler's place, at 512 bytes more for each packet. Requests beyond are refused as busy,
   * events and raw datagrams are dropped. @default '16 MiB'
   */
  readonly maxWaitingBytes?: ByteSize;
  /** How long `close()` lets handlers finish and queued replies leave. @default 5000 */
  readonly drainTimeout?: number;
}

/** {@link ThrottledUdpTransportOptions} after reading. */
export interface ResolvedTransportOptions {
  readonly name: string;
  readonly endpoint: EndpointOptions;
  readonly codec: DatagramCodec;
  readonly exchange: ExchangeLimits;
  readonly serializer: ConsumerSerializer | undefined;
  readonly deserializer: ConsumerDeserializer | undefined;
  readonly maxPendingRequests: number;
  readonly handlers: HandlerLimits;
  readonly drainTimeoutMs: number;
}

/** @throws {InvalidOptionError} naming the field that is wrong or unknown */
export function resolveTransportOptions(
  options: ThrottledUdpTransportOptions | undefined,
): ResolvedTransportOptions {
  const reader = new OptionReader(options, '');
  const host = reader.string('host', '127.0.0.1');
  const port = reader.port('port', 3000);
  const codec = readCodec(reader);
  const isExchange = carriesExchange(codec);
  const amplification = readAmplification(reader, host, isExchange);
  const resolved: ResolvedTransportOptions = {
    name: reader.string('name', DEFAULT_TRANSPORT),
    endpoint: readEndpointOptions(reader, host, port, isExchange, amplification),
    codec,
    exchange: readExchangeOptions(reader, true),
    serializer: reader.implementing<ConsumerSerializer>('serializer', ['serialize']),
    deserializer: reader.implementing<ConsumerDeserializer>('deserializer', ['deserialize']),
    maxPendingRequests: readMaxPending(reader),
    handlers: Object.freeze({
      maxConcurrent: reader.integer('maxConcurrentHandlers', 1, 2 ** 24, 16_384),
      maxWaitingBytes: reader.read('maxWaitingBytes', parseByteSize, 16 * 2 ** 20),
    }),
    drainTimeoutMs: reader.duration('drainTimeout', DRAIN_TIMEOUT_MS),
  };
  reader.refuseUnknown();
  return Object.freeze(resolved);
}

export function readCodec(reader: OptionReader): DatagramCodec {
  return reader.implementing<DatagramCodec>('codec', ['decode', 'encode']) ?? new JsonCodec();
}

export function readMaxPending(reader: OptionReader): number {
  return reader.integer('maxPendingRequests', 1, 2 ** 24, 65_536);
}

export const DRAIN_TIMEOUT_MS = 5000;
