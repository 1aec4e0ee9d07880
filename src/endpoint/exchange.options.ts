import { InvalidOptionError } from '../common/invalid-option.error.js';
import { asDuration, OptionReader } from '../common/option-reader.js';
import type { DeliveryLimits } from '../exchange/delivery-budget.js';
import type { DuplicateLimits } from '../exchange/duplicate-store.js';
import type { ReassemblyLimits } from '../exchange/reassembly-budget.js';
import { byteSizeUpTo, parseByteSize, type ByteSize } from '../shaping/byte-size.js';

/** How this side asks, over codecs that carry the exchange. */
export interface AskingOptions {
  /**
   * Requests and confirmable events to one peer that it has not said a word about, 1 to 65536; more wait in
   * line, and their `timeout` runs. @default 256
   */
  readonly maxInFlight?: number;
  /** Requests that may wait in line for one peer, 0 to 16777216; more are refused at once. @default 16384 */
  readonly maxWaiting?: number;
  /** Largest message sent or taken, bytes or text, up to 64 MiB; what fits into a datagram is never cut up. @default '1 MiB' */
  readonly maxMessageSize?: ByteSize;
  /** Bounds of messages that have arrived in part. */
  readonly reassembly?: ReassemblyOptions;
}

export interface ReassemblyOptions {
  /** Bytes of all peers together. @default '16 MiB' */
  readonly maxBytes?: ByteSize;
  /** Bytes of one peer. @default '4 MiB' */
  readonly maxPeerBytes?: ByteSize;
  /** Milliseconds after its last new segment until a request in part is forgotten. @default 30000 */
  readonly maxAge?: number;
}

/** How this side serves, over codecs that carry the exchange. */
export interface ServingOptions {
  /** Memory of requests that were seen, so that a repeated one does not run again. */
  readonly duplicates?: DuplicateOptions;
  /**
   * Milliseconds without a sign of life of the client until its running request or stream is given up;
   * clients give one every 5 s. 10000 or more, `Infinity` for never. @default 30000
   */
  readonly lease?: number;
  /**
   * Bytes of one stream's values that may wait to arrive, at 128 more for each; an Observable that runs over it
   * fails. @default '1 MiB'
   */
  readonly streamBuffer?: ByteSize;
  /** Bounds of large replies and streams that have not arrived, at 128 bytes more for each segment. */
  readonly undelivered?: UndeliveredOptions;
}

export interface UndeliveredOptions {
  /** Bytes of all peers together; replies beyond fail as `UDP_OVERFLOW`. @default '64 MiB' */
  readonly maxBytes?: ByteSize;
  /** Bytes of one peer, by address and port. @default '16 MiB' */
  readonly maxPeerBytes?: ByteSize;
}

export interface DuplicateOptions {
  /** Bytes of stored replies, up to 2 GiB; the oldest are dropped first, their ids kept. @default '16 MiB' */
  readonly maxBytes?: ByteSize;
  /**
   * Requests remembered, 1 to 16777216; 64 to 80 bytes each, beside their replies. When they are too many, the oldest
   * are forgotten, one of 4096 at once. Where more come in two seconds, and the time after which a request is sent
   * again, one that was lost cannot be told from one that was forgotten. @default 262144
   */
  readonly maxEntries?: number;
  /** Milliseconds after its end until a request is forgotten. @default 60000 */
  readonly maxAge?: number;
}

/** {@link AskingOptions} and {@link ServingOptions} after reading. */
export interface ExchangeLimits {
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxMessageBytes: number;
  readonly reassembly: ReassemblyLimits;
  readonly duplicates: DuplicateLimits;
  readonly leaseMs: number;
  readonly streamBufferBytes: number;
  readonly undelivered: DeliveryLimits;
}

/**
 * Reads the fields of the exchange from an object that holds more of them.
 *
 * @param isServing whether the fields of {@link ServingOptions} are options there
 * @throws {InvalidOptionError} naming the field
 */
export function readExchangeOptions(reader: OptionReader, isServing: boolean): ExchangeLimits {
  const serving = isServing ? reader : new OptionReader({}, '');
  const maxMessageBytes = reader.read('maxMessageSize', byteSizeUpTo(MAX_MESSAGE_BYTES), 2 ** 20);
  return Object.freeze({
    maxInFlight: reader.integer('maxInFlight', 1, 65_536, 256),
    maxWaiting: reader.integer('maxWaiting', 0, 2 ** 24, 16_384),
    maxMessageBytes,
    reassembly: resolveReassembly(reader.any('reassembly'), maxMessageBytes),
    duplicates: resolveDuplicates(serving.any('duplicates')),
    leaseMs: serving.read('lease', asLease, 30_000),
    streamBufferBytes: serving.read('streamBuffer', parseByteSize, 2 ** 20),
    undelivered: resolveUndelivered(serving.any('undelivered'), maxMessageBytes),
  });
}

/** What holds where nobody says otherwise. */
export function defaultExchangeLimits(): ExchangeLimits {
  return readExchangeOptions(new OptionReader({}, ''), true);
}

function resolveReassembly(options: unknown, maxMessageBytes: number): ReassemblyLimits {
  const reader = new OptionReader(options, 'reassembly');
  const limits = {
    maxBytes: reader.read('maxBytes', parseByteSize, 16 * 2 ** 20),
    maxPeerBytes: reader.read('maxPeerBytes', parseByteSize, 4 * 2 ** 20),
    maxAgeMs: reader.duration('maxAge', 30_000),
    maxMessageBytes,
  };
  reader.refuseUnknown();
  return Object.freeze(limits);
}

function resolveDuplicates(options: unknown): DuplicateLimits {
  const reader = new OptionReader(options, 'duplicates');
  const limits = {
    maxBytes: reader.read('maxBytes', byteSizeUpTo(MAX_REPLY_MEMORY), 16 * 2 ** 20),
    maxEntries: reader.integer('maxEntries', 1, 2 ** 24, 262_144),
    maxAgeMs: reader.duration('maxAge', 60_000),
  };
  reader.refuseUnknown();
  return Object.freeze(limits);
}

function resolveUndelivered(options: unknown, maxMessageBytes: number): DeliveryLimits {
  const reader = new OptionReader(options, 'undelivered');
  // One message of the largest size must find room, whatever its segments take beside.
  const least = 2 * maxMessageBytes;
  const limits = {
    maxBytes: reader.read('maxBytes', parseByteSize, Math.max(64 * 2 ** 20, least)),
    maxPeerBytes: reader.read('maxPeerBytes', parseByteSize, Math.max(16 * 2 ** 20, least)),
  };
  reader.refuseUnknown();
  return Object.freeze(limits);
}

function asLease(value: unknown, field: string): number {
  const leaseMs = asDuration(value, field);
  if (leaseMs >= MIN_LEASE_MS) return leaseMs;
  throw new InvalidOptionError(field, `must be ${MIN_LEASE_MS} ms or more, got ${leaseMs}`);
}

const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

// They lie in one array, and every Node takes one of that size.
const MAX_REPLY_MEMORY = 2 ** 31;

// Twice the pace at which clients tell that they are there: one lost datagram must not end a stream.
const MIN_LEASE_MS = 10_000;
