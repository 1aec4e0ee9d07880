import { randomBytes } from 'node:crypto';
import bencode from 'bencode';
import {
  MalformedDatagramError,
  type DatagramCodec,
  type EncodeContext,
  type Packet,
  type PeerAddress,
  type ReplyPacket,
} from 'nestjs-throttled-udp';
import { isBencoded } from './bencode-syntax.js';
import { toCompactPeer } from './compact.js';

/** Arguments of a query, or values of a response. Byte strings are Buffers. */
export type KrpcValues = Readonly<Record<string, unknown>>;

/** An error as KRPC knows it: a number and a text. */
export interface KrpcError {
  readonly code: number;
  readonly message: string;
}

export const KRPC_SERVER_ERROR = 202;
export const KRPC_PROTOCOL_ERROR = 203;
export const KRPC_METHOD_UNKNOWN = 204;

/**
 * The protocol of BitTorrent's DHT: a query's method is the pattern, its arguments are the payload.
 *
 * @see BEP 5, "KRPC protocol"; BEP 42 for `ip`
 */
export class KrpcCodec implements DatagramCodec {
  readonly name = 'krpc';
  readonly exchange = false;

  /** Transaction ids are bytes; packets carry them in hexadecimal. Four of them are not guessed by chance. */
  createId(): string {
    return randomBytes(4).toString('hex');
  }

  decode(datagram: Uint8Array): Packet {
    if (!isBencoded(datagram)) throw new MalformedDatagramError('not bencoded');
    const message = toBuffers(bencode.decode(datagram));
    if (!isValues(message)) throw new MalformedDatagramError('not a dictionary');
    const { t, y } = message;
    if (!Buffer.isBuffer(t) || t.length === 0 || t.length > MAX_ID_BYTES) {
      throw new MalformedDatagramError('no transaction id');
    }
    return toPacket(t.toString('hex'), String(y), message);
  }

  encode(packet: Packet, { peer }: EncodeContext): Uint8Array | undefined {
    switch (packet.kind) {
      case 'request':
        return message(packet.id, { y: 'q', q: String(packet.pattern), a: packet.data });
      case 'reply':
        return encodeReply(packet, peer);
      default:
        throw new TypeError(`KRPC has no packets of kind '${packet.kind}'`);
    }
  }
}

function toPacket(id: string, type: string, { q, a, r, e }: KrpcValues): Packet {
  switch (type) {
    case 'q':
      if (!Buffer.isBuffer(q)) throw new MalformedDatagramError('no method');
      return { kind: 'request', id, pattern: q.toString(), data: isValues(a) ? a : {} };
    case 'r':
      return { kind: 'reply', id, response: isValues(r) ? r : {}, isDisposed: true };
    case 'e': {
      const [code, text] = Array.isArray(e) ? (e as unknown[]) : [];
      const err: KrpcError = {
        code: Number(code ?? 201),
        message: Buffer.isBuffer(text) ? text.toString() : '',
      };
      return { kind: 'reply', id, err, isDisposed: true };
    }
    default:
      throw new MalformedDatagramError('no message type');
  }
}

function encodeReply({ id, response, err, code }: ReplyPacket, peer: PeerAddress): Uint8Array | undefined {
  if (code !== undefined) {
    // BEP 5 has words for it; shorter ones also fit into what a stranger may be sent.
    const e =
      code === 'no-handler' ? [KRPC_METHOD_UNKNOWN, 'Method Unknown'] : [KRPC_SERVER_ERROR, String(err)];
    return message(id, { y: 'e', e });
  }
  if (err !== undefined && err !== null) {
    // Of an RpcException with a KrpcError in it, or of anything else that a handler throws.
    const { code: krpcCode, message: text = err } = err as { code?: unknown; message?: unknown };
    return message(id, {
      y: 'e',
      e: [Number.isInteger(krpcCode) ? krpcCode : KRPC_SERVER_ERROR, String(text)],
    });
  }
  // A reply that only ends a stream: KRPC has no word for that.
  if (response === undefined) return undefined;
  return message(id, { y: 'r', r: response, ip: toCompactPeer(peer) });
}

function message(id: string | number, fields: KrpcValues): Uint8Array {
  return bencode.encode({ t: Buffer.from(String(id), 'hex'), ...fields });
}

/** Byte strings as Buffers, all the way down. */
function toBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(toBuffers);
  if (!isValues(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, toBuffers(entry)]));
}

function isValues(value: unknown): value is KrpcValues {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

const MAX_ID_BYTES = 32;
