import type { PeerAddress } from '../common/peer-address.js';
import type { InboundPacket, Packet, PacketId, ReplyStamp, RequestStamp } from './packet.js';

/** What surrounds a packet that is to become bytes. */
export interface EncodeContext {
  /** Where the bytes will go. */
  readonly peer: PeerAddress;
  /**
   * The packet being answered, when this is an answer: protocols such as DNS repeat the question, others
   * choose the form of the reply by it.
   */
  readonly request?: InboundPacket | undefined;
  /** Most bytes that may be returned; a protocol with a truncation mark can use it, others ignore it. */
  readonly maxBytes: number;
  /**
   * Memory for what is returned, which holds anything. Large messages should be written into it: it is used again once
   * they have arrived, so a codec that takes it keeps no reference to it. Missing where only one datagram is asked for.
   */
  readonly allocate?: ((bytes: number) => Buffer) | undefined;
}

/**
 * Translates between datagrams and packets: what makes a protocol (JSON, BitTorrent KRPC, DNS, CoAP, StatsD,
 * your own) speak through this transport.
 *
 * A codec holds no state about peers, touches no socket and no clock, and keeps no reference to the bytes it
 * was given. `runCodecConformance` of `nestjs-throttled-udp/testing` checks one.
 */
export interface DatagramCodec {
  /** Short name, for messages and figures: `json`, `krpc`. */
  readonly name: string;

  /** Whether packets can carry this project's own exchange (PROTOCOL.md); foreign protocols say `false`. */
  readonly exchange: boolean;

  /**
   * Reads one datagram: one packet, or several where the protocol packs them.
   *
   * @param datagram the whole payload, 0 to 65507 bytes; valid during the call only, so copy what you keep
   * @param peer who sent it
   * @throws {MalformedDatagramError} the bytes are not of this protocol: counted by its `reason`, and dropped
   */
  decode(datagram: Uint8Array, peer: PeerAddress): Packet | readonly Packet[];

  /**
   * Writes one packet.
   *
   * @returns the whole payload, or `undefined` for a reply that this protocol does not send at all (most have
   *   no word for "the stream has ended"); more than `context.maxBytes` is refused with a `MessageTooLargeError`
   * @throws any error, when the packet cannot be said in this protocol: the caller gets it
   */
  encode(packet: Packet, context: EncodeContext): Uint8Array | undefined;

  /**
   * Makes the id of a new request, for protocols whose ids have a form of their own (DNS: 16 bits). An id that
   * is in use is asked for again. Without it, ids are 64 random bits in 16 hexadecimal digits.
   */
  createId?(): PacketId;

  /**
   * Writes another stamp over that of a packet of its own, in place and of the same length, so that one that is
   * sent again need not be encoded again. Codecs whose `exchange` is true have it.
   *
   * @param datagram what `encode` returned for a packet with a stamp of this kind
   */
  restamp?(datagram: Uint8Array, stamp: RequestStamp | ReplyStamp): void;

  /**
   * Takes the stamp off a packet, as if it had been written without: that one is too large for a datagram is known
   * once it is written. Without this it is encoded a second time.
   *
   * @param datagram what `encode` returned for a packet with a stamp; may be changed
   */
  unstamp?(datagram: Uint8Array): Uint8Array;
}
