import type { DatagramCodec } from '../codec/datagram-codec.js';
import type { Packet, ReplyPacket, RequestPacket } from '../codec/packet.js';
import { RefusalBudget } from '../shaping/refusal-budget.js';
import type { InboundDatagram } from './downlink.js';
import { REFUSAL_PASSAGE } from './passage.js';
import type { Scheduler } from './scheduler.js';
import type { UdpEndpoint } from './udp-endpoint.js';

/** The short errors that tell peers that there is too much to do, and how many of them may be sent. */
export class BusyReplies {
  readonly #budget: RefusalBudget;

  constructor(
    private readonly endpoint: UdpEndpoint,
    private readonly codec: DatagramCodec,
    private readonly scheduler: Scheduler,
    /** Says it to a client that speaks the exchange, and comes again by itself; `undefined` for any other. */
    private readonly sayLater: (request: RequestPacket, retryAfterMs: number) => Uint8Array | undefined,
  ) {
    this.#budget = new RefusalBudget(endpoint.upload.rate, scheduler.now());
  }

  /** Whether one more refusal may be sent; if so it is counted as such. @param bytes about so many */
  tryTake(bytes = USUAL_BYTES): boolean {
    return this.#budget.tryTake(bytes, this.endpoint.upload.rate, this.scheduler.now());
  }

  /**
   * Answers the requests of a datagram that came above the download limit, if its peer has been told nothing for
   * a second, with errors that are no larger than it is.
   *
   * @param decode reads the datagram; throws when it is malformed
   * @returns whether a request was answered
   */
  turnAway(datagram: InboundDatagram, decode: () => readonly Packet[]): boolean {
    const { peer } = datagram;
    const nowMs = this.scheduler.now();
    // First what costs least: most of a flood ends here.
    if (!this.#budget.isDue(peer.key, nowMs)) return false;
    let bytesLeft = datagram.data.length;
    let isAnswered = false;
    try {
      for (const packet of decode()) {
        if (packet.kind !== 'request') continue;
        const data = this.sayLater(packet, RETRY_AFTER_MS) ?? this.#encode(packet, datagram);
        if (data === undefined || data.length > bytesLeft) continue;
        if (!this.#budget.tryTake(data.length, this.endpoint.upload.rate, nowMs)) break;
        bytesLeft -= data.length;
        isAnswered = true;
        this.endpoint.answer(data, peer, undefined, REFUSAL_PASSAGE);
      }
    } catch {
      // Malformed, or nothing that the codec can say "busy" to: dropped like the rest.
    }
    if (isAnswered) this.#budget.told(peer.key, nowMs);
    return isAnswered;
  }

  #encode(request: RequestPacket, { peer }: InboundDatagram): Uint8Array | undefined {
    const reply: ReplyPacket = {
      kind: 'reply',
      id: request.id,
      err: BUSY,
      status: 'error',
      code: 'busy',
      isDisposed: true,
    };
    return this.codec.encode(reply, { peer, request, maxBytes: this.endpoint.maxDatagramSize });
  }
}

/** What a busy error says to people. */
export const BUSY = 'busy';

// As long as a peer is told nothing again.
const RETRY_AFTER_MS = 1000;

// An id, a code and a word, as JSON.
const USUAL_BYTES = 96;
