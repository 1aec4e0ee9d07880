import type { DatagramCodec } from './datagram-codec.js';
import type { Packet, RawPacket } from './packet.js';

/**
 * No protocol at all: every datagram goes to the `@OnDatagram()` handlers as a `Buffer` of its own, and what
 * they return goes back as it is: bytes, or text in UTF-8.
 */
export class RawCodec implements DatagramCodec {
  readonly name = 'raw';
  readonly exchange = false;

  decode(datagram: Uint8Array): RawPacket {
    return { kind: 'raw', data: Buffer.from(datagram) };
  }

  encode(packet: Packet): Uint8Array {
    if (packet.kind !== 'raw') {
      throw new TypeError(`the raw codec sends bytes, not a packet of kind '${packet.kind}'`);
    }
    if (typeof packet.data === 'string') return Buffer.from(packet.data, 'utf8');
    if (packet.data instanceof Uint8Array) return packet.data;
    throw new TypeError('the raw codec sends a Buffer, a Uint8Array or a text');
  }
}
