import { OptionReader } from '../common/option-reader.js';
import type { DatagramCodec, EncodeContext } from './datagram-codec.js';
import { hasPrototypeKey, isNestedDeeper } from './json-bounds.js';
import { MalformedDatagramError } from './malformed-datagram.error.js';
import type { Packet, PacketId, PacketMetadata, ReplyPacket, ReplyStamp, RequestStamp } from './packet.js';
import { hasControl, isLikelyPlain } from './plain-text.js';
import { blankStamp, isExchangeId, textToReplyStamp, textToRequestStamp, writeStamp } from './stamp.js';

export interface JsonCodecOptions {
  /** Objects and lists that may stand in each other, the packet itself included; 8 to 4096. @default 256 */
  readonly maxDepth?: number;
}

/**
 * Nest's own JSON, one packet a datagram, so that `nc -u` is a client:
 * `{"pattern":"sum","data":[1,2,3],"id":"k3"}` is answered by `{"id":"k3","response":6,"isDisposed":true}`.
 * What is nested too deep, or has a key `__proto__` anywhere, is malformed.
 *
 * @see PROTOCOL.md, "JSON packets"; RFC 8259 for the text
 */
export class JsonCodec implements DatagramCodec {
  readonly name = 'json';
  readonly exchange: boolean = true;
  readonly #maxDepth: number;

  /** @throws {InvalidOptionError} naming an option that is wrong or unknown */
  constructor(options?: JsonCodecOptions) {
    const reader = new OptionReader(options, '');
    this.#maxDepth = reader.integer('maxDepth', 8, 4096, 256);
    reader.refuseUnknown();
  }

  decode(datagram: Uint8Array): Packet {
    const message = parse(datagram, this.#maxDepth);
    if (message.pattern !== undefined) return toQuestion(message);
    if (message.id !== undefined && ('response' in message || 'err' in message || 'isDisposed' in message)) {
      return toReply(message);
    }
    throw new MalformedDatagramError('neither a pattern nor a reply');
  }

  encode(packet: Packet, context?: Pick<EncodeContext, 'allocate'>): Uint8Array {
    const stamp = 'stamp' in packet ? packet.stamp : undefined;
    const allocate = context?.allocate ?? newMemory;
    if (stamp === undefined) return toBytes(packet, '{', allocate);
    // First of all keys, so that restamp() knows where it stands; written as bytes, for it is soon written again.
    const datagram = toBytes(packet, `${STAMP_HEAD}${blankStamp(stamp)}",`, allocate);
    writeStamp(datagram, STAMP_HEAD.length, stamp);
    return datagram;
  }

  restamp(datagram: Uint8Array, stamp: RequestStamp | ReplyStamp): void {
    writeStamp(datagram, STAMP_HEAD.length, stamp);
  }

  unstamp(datagram: Uint8Array): Uint8Array {
    // The comma behind the stamp makes room for the brace.
    const at = datagram.indexOf(QUOTE, STAMP_HEAD.length) + 1;
    datagram[at] = BRACE;
    return datagram.subarray(at);
  }
}

type Allocate = NonNullable<EncodeContext['allocate']>;

/** A packet as it stands on the wire, before anything in it is believed. */
type Message = Readonly<Record<string, unknown>>;

function parse(datagram: Uint8Array, maxDepth: number): Message {
  if (datagram.length === 0) throw new MalformedDatagramError('empty');
  if (datagram[0] === BINARY_FRAME) throw new MalformedDatagramError('unknown binary frame');
  const bytes = toBuffer(datagram);
  if (isNestedDeeper(bytes, maxDepth)) throw new MalformedDatagramError('nested too deep');
  const text = bytes.toString('utf8');
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (cause) {
    throw new MalformedDatagramError('not JSON', { cause });
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new MalformedDatagramError('not an object');
  }
  if (hasPrototypeKey(message, text)) throw new MalformedDatagramError('prototype key');
  return message as Message;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function toQuestion({ pattern, data, id, metadata, v, x }: Message): Packet {
  if (!isPattern(pattern)) throw new MalformedDatagramError('pattern of a wrong type');
  if (metadata !== undefined && !isMetadata(metadata)) {
    throw new MalformedDatagramError('metadata of a wrong type');
  }
  const stamp = v === EXCHANGE_VERSION ? textToRequestStamp(x) : undefined;
  if (id === undefined) {
    return {
      kind: 'event',
      pattern,
      data,
      metadata,
      stamp: stamp?.eventId === undefined ? undefined : stamp,
    };
  }
  const isStamped = stamp !== undefined && stamp.eventId === undefined && isExchangeId(id);
  return {
    kind: 'request',
    id: checkId(id),
    pattern,
    data,
    metadata,
    stamp: isStamped ? stamp : undefined,
  };
}

function toReply({ id, response, err, status, isDisposed, code, v, x }: Message): ReplyPacket {
  return {
    kind: 'reply',
    id: checkId(id),
    response,
    err,
    isDisposed: isDisposed === true,
    status: typeof status === 'string' ? status : undefined,
    code: typeof code === 'string' ? code : undefined,
    stamp: v === EXCHANGE_VERSION ? textToReplyStamp(x) : undefined,
  };
}

/** @param head the brace that opens it, and what else stands before its keys */
function toBytes(packet: Packet, head: string, allocate: Allocate): Buffer {
  return (
    usualBytes(packet, head, allocate) ??
    Buffer.from(head + JSON.stringify(toMessage(packet)).slice(1), 'utf8')
  );
}

/** Of what most packets are: an object that is made to be written costs as much as writing it. */
function usualBytes(packet: Packet, head: string, allocate: Allocate): Buffer | undefined {
  switch (packet.kind) {
    case 'reply': {
      const { id, response, err, status, code, isDisposed } = packet;
      const isPlain = err === undefined && status === undefined && code === undefined;
      if (!isPlain || typeof id !== 'string') return undefined;
      const after = isDisposed === true ? END_OF_REPLY : '}';
      return around(response, `${head}"id":${JSON.stringify(id)},"response":`, after, allocate);
    }
    case 'request':
    case 'event': {
      const { pattern, data, metadata } = packet;
      if (typeof pattern !== 'string' || metadata !== undefined) return undefined;
      const before = `${head}"pattern":${JSON.stringify(pattern)},"data":`;
      if (packet.kind === 'event') return around(data, before, '}', allocate);
      if (typeof packet.id !== 'string') return undefined;
      return around(data, before, `,"id":${JSON.stringify(packet.id)}}`, allocate);
    }
    default:
      return undefined;
  }
}

/** @returns `undefined` for a value that JSON leaves out, and for one that might be told its key */
function around(value: unknown, before: string, after: string, allocate: Allocate): Buffer | undefined {
  if (mayHaveOwnForm(value)) return undefined;
  if (typeof value === 'string' && value.length >= LONG_TEXT && isLikelyPlain(value)) {
    // What JSON.stringify() makes of it, a text of many pieces, costs several times as much to write.
    const bytes = join(`${before}"`, value, `"${after}`, allocate);
    // What stands around it is JSON, and has none.
    if (!hasControl(bytes, before.length, bytes.length)) return bytes;
  }
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return undefined;
  if (text.length < LONG_TEXT) return Buffer.from(before + text + after, 'utf8');
  return join(before, text, after, allocate);
}

/** Of a function, too, JSON writes what its `toJSON(key)` gives. */
function mayHaveOwnForm(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && 'toJSON' in value;
}

function newMemory(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}

/** In UTF-8. The text is written by itself: put together with others it would be copied once more. */
function join(before: string, text: string, after: string, allocate: Allocate): Buffer {
  const [first, last] = [Buffer.from(before, 'utf8'), Buffer.from(after, 'utf8')];
  const textBytes = Buffer.byteLength(text, 'utf8');
  const bytes = allocate(first.length + textBytes + last.length);
  first.copy(bytes);
  bytes.write(text, first.length, 'utf8');
  last.copy(bytes, first.length + textBytes);
  return bytes;
}

// Keys are written in one order, so that equal packets are equal bytes; JSON leaves out what is undefined.
function toMessage(packet: Packet): Message {
  switch (packet.kind) {
    case 'request':
      return { pattern: packet.pattern, data: packet.data, id: packet.id, metadata: packet.metadata };
    case 'event':
      return { pattern: packet.pattern, data: packet.data, metadata: packet.metadata };
    case 'reply': {
      const { id, response, err, status, code } = packet;
      return { id, response, err, status, code, isDisposed: isDisposedOf(packet) };
    }
    default:
      throw new TypeError(`the JSON codec cannot say a packet of kind '${packet.kind}'`);
  }
}

/** Without any of its keys a reply could not be told from noise: a value that JSON leaves out needs this one. */
function isDisposedOf({ response, err, isDisposed }: ReplyPacket): boolean | undefined {
  if (isDisposed === true) return true;
  return isLeftOut(response) && isLeftOut(err) ? false : undefined;
}

function isLeftOut(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

function isPattern(value: unknown): boolean {
  return (
    typeof value === 'string' ||
    typeof value === 'number' ||
    (typeof value === 'object' && value !== null && !Array.isArray(value))
  );
}

function isMetadata(value: unknown): value is PacketMetadata {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string')
  );
}

function checkId(id: unknown): PacketId {
  // 1e999 is read as Infinity, which no reply could name.
  if (typeof id === 'string' || (typeof id === 'number' && Number.isFinite(id))) return id;
  throw new MalformedDatagramError('id of a wrong type');
}

// Packets of other versions are read as plain ones: what they mean by `x` is not known here.
const EXCHANGE_VERSION = 1;

const END_OF_REPLY = ',"isDisposed":true}';

// From here on Node copies a text that is made of pieces before it writes it.
const LONG_TEXT = 4096;

const QUOTE = 0x22;

const BRACE = 0x7b;

const STAMP_HEAD = `{"v":${EXCHANGE_VERSION},"x":"`;

// Valid as the first byte of neither UTF-8 (RFC 3629 section 3) nor MessagePack: kept for binary frames.
const BINARY_FRAME = 0xc1;
