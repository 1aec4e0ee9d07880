import { BaseRpcContext } from '@nestjs/microservices';
import type { PeerAddress } from '../common/peer-address.js';
import type { PacketMetadata } from '../codec/packet.js';
import type { InboundDatagram } from '../endpoint/downlink.js';
import type { ReplyPump } from './reply-pump.js';

/** What a handler can learn about the datagram it serves: `handle(@Payload() data, @Ctx() context: UdpContext)`. */
export class UdpContext extends BaseRpcContext<[PeerAddress, string]> {
  readonly #datagram: InboundDatagram;
  readonly #metadata: PacketMetadata | undefined;
  readonly #pump: ReplyPump;

  /** @internal Made by the transport; its shape is not part of the public surface. */
  constructor(
    datagram: InboundDatagram,
    pattern: string,
    metadata: PacketMetadata | undefined,
    pump: ReplyPump,
  ) {
    super([datagram.peer, pattern]);
    this.#datagram = datagram;
    this.#metadata = metadata;
    this.#pump = pump;
  }

  /** Who sent the datagram. */
  getPeer(): PeerAddress {
    return this.args[0];
  }

  /** The pattern of the message as text; `'@OnDatagram'` for a raw datagram. */
  getPattern(): string {
    return this.args[1];
  }

  /** What the client sent beside the payload. */
  getMetadata(): PacketMetadata | undefined {
    return this.#metadata;
  }

  /** The bytes of the datagram as they came; several packets of one datagram share them. */
  getDatagram(): Buffer {
    return this.#datagram.data;
  }

  /** When the datagram came from the kernel: milliseconds since 1970, with fractions. */
  getReceivedAt(): number {
    return this.#pump.toEpochMs(this.#datagram.receivedAtMs);
  }

  /**
   * Aborted when the peer gives the request up or is silent for longer than `lease`, and when the transport
   * closes and has waited `drainTimeout` for this handler.
   */
  getSignal(): AbortSignal {
    return this.#pump.signal;
  }

  /**
   * @internal Resolves when every value given so far has left; `undefined` when all have.
   */
  whenSent(): Promise<void> | undefined {
    return this.#pump.whenSent();
  }
}
