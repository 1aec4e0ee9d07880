import { randomFillSync } from 'node:crypto';
import type { PeerAddress } from '../common/peer-address.js';
import type { DatagramCodec } from '../codec/datagram-codec.js';
import { decodeFrame, isFrame } from '../codec/frame-codec.js';
import type { Frame, GoneReason } from '../codec/frame.js';
import { MalformedDatagramError } from '../codec/malformed-datagram.error.js';
import type {
  EventPacket,
  InboundPacket,
  Packet,
  PacketId,
  RawPacket,
  ReplyPacket,
  RequestPacket,
} from '../codec/packet.js';
import { requestIdSource } from '../exchange/request-id.js';
import type { PacketStats } from '../telemetry/stats.js';
import { isLast, type Answer, type Question, type RequestTimes } from './asking.js';
import { BusyReplies } from './busy-replies.js';
import type { InboundDatagram } from './downlink.js';
import { MessageTooLargeError } from './endpoint.errors.js';
import type { Stray } from './exchange-client.js';
import { carriesExchange } from './exchange-parts.js';
import { defaultExchangeLimits, type ExchangeLimits } from './exchange.options.js';
import { Exchange } from './exchange.js';
import { USUAL_PASSAGE, REFUSAL_PASSAGE, type Passage } from './passage.js';
import { PlainClient } from './plain-client.js';
import type { StampedQuestion } from './request-assembly.js';
import type { Scheduler } from './scheduler.js';
import type { Served } from './served.js';
import type { UdpEndpoint } from './udp-endpoint.js';
import type { Fate } from './uplink.js';

/**
 * Takes what peers ask, tell and throw at us. Must not throw.
 *
 * @param served the record of a question that came over the exchange: to be handed back with each reply
 */
export type PacketServer = (
  packet: InboundPacket,
  datagram: InboundDatagram,
  served: Served | undefined,
) => void;

/** @returns milliseconds after which a question may come again; 0 lets it in, `Infinity` drops it without a word */
export type Admission = (datagram: InboundDatagram, packet?: StampedQuestion) => number;

/**
 * Packets over one endpoint: decodes what arrives, gives replies to the requests that wait for them and the
 * rest to the server, and encodes what leaves. What the codec carries of the exchange is left to that.
 */
export class PacketChannel {
  /**
   * Asked of each new question over the exchange: milliseconds after which it may come again, or 0, which lets
   * it in. The question is missing while only the first of its segments is here.
   */
  admit: Admission = letIn;
  /** Asked of each new question of an address that has not proved itself: whether a handler could begin at once. */
  hasPlace: (packet: StampedQuestion, datagram: InboundDatagram) => boolean = yes;
  readonly busyReplies: BusyReplies;

  readonly #exchange: Exchange | undefined;
  /** Asks in protocols of others; those that make ids of their own among them. */
  readonly #plain: PlainClient | undefined;
  readonly #counts = { requests: 0, events: 0, raw: 0, replies: 0, unknown: 0, foreign: 0 };
  #server: PacketServer | undefined;

  /**
   * @param maxPendingRequests most requests of ours that may wait for replies
   * @param random numbers in [0, 1), for jitter
   */
  constructor(
    readonly endpoint: UdpEndpoint,
    readonly codec: DatagramCodec,
    private readonly scheduler: Scheduler,
    maxPendingRequests: number,
    limits: ExchangeLimits = defaultExchangeLimits(),
    random: () => number = Math.random,
  ) {
    if (carriesExchange(codec)) {
      this.#exchange = new Exchange(
        { endpoint, codec, scheduler, limits, maxPendingRequests, random },
        {
          onQuestion: (packet, datagram, served) => this.#serve(packet, datagram, served),
          admit: (datagram, packet) => this.admit(datagram, packet),
          hasPlace: (packet, datagram) => this.hasPlace(packet, datagram),
        },
      );
    }
    if (this.#exchange === undefined || codec.createId !== undefined) {
      const createId = codec.createId?.bind(codec) ?? requestIdSource(randomFillSync);
      this.#plain = new PlainClient(endpoint, scheduler, createId, maxPendingRequests);
    }
    this.busyReplies = new BusyReplies(endpoint, codec, scheduler, (request, retryAfterMs) =>
      request.stamp === undefined ? undefined : this.#exchange?.busyFrame(String(request.id), retryAfterMs),
    );
    endpoint.onDatagram = (datagram) => this.#receive(datagram);
    endpoint.isAwaited = (datagram) => this.#isAwaited(datagram);
    endpoint.turnAway = (datagram) => this.busyReplies.turnAway(datagram, () => this.#decode(datagram));
    endpoint.onUnreachable = (cause) => {
      this.#plain?.onUnreachable(cause);
      this.#exchange?.client.onUnreachable(cause);
    };
  }

  /** Takes requests, events and raw packets from now on; without a server they are counted and dropped. */
  serve(server: PacketServer): void {
    this.#server = server;
  }

  /**
   * Asks a peer. The endpoint must be bound.
   *
   * @returns a function that gives the request up; nothing is told after it
   */
  request(
    question: Question,
    peer: PeerAddress,
    times: RequestTimes,
    answer: Answer,
    passage: Passage = USUAL_PASSAGE,
  ): () => void {
    if (this.#plain === undefined)
      return this.#exchangeOf('requests').client.request(question, peer, times, answer, passage);
    const encode = (id: PacketId): Uint8Array => this.#encode({ kind: 'request', id, ...question }, peer);
    return this.#plain.request(encode, peer, times, answer, passage);
  }

  /** Tells a peer something, once. @throws as {@link reply}, and as {@link UdpEndpoint.send} */
  async notify(event: Omit<EventPacket, 'kind'>, peer: PeerAddress, passage?: Passage): Promise<void> {
    await this.endpoint.send(this.#encode({ kind: 'event', ...event }, peer), peer, passage);
  }

  /**
   * Tells a peer something until it has said that it knows, or the time is up.
   *
   * @throws {TypeError} the codec does not carry the exchange
   * @throws {RequestTimeoutError} no word from the peer, and what else the network does to requests
   */
  async confirm(
    event: Omit<EventPacket, 'kind'>,
    peer: PeerAddress,
    timeoutMs: number,
    passage: Passage = USUAL_PASSAGE,
  ): Promise<void> {
    await this.#exchangeOf('confirmable events').client.confirm(event, peer, timeoutMs, passage);
  }

  /**
   * Answers a packet.
   *
   * @param served what came with the packet
   * @throws {MessageTooLargeError} more than a datagram, or its segments, may hold
   * @throws whatever the codec throws when it cannot say the packet
   */
  reply(
    packet: ReplyPacket | RawPacket,
    to: InboundPacket,
    { peer, record }: Pick<InboundDatagram, 'peer'> & Partial<Pick<InboundDatagram, 'record'>>,
    fate?: Fate,
    served?: Served,
    passage: Passage = USUAL_PASSAGE,
  ): void {
    if (served !== undefined && packet.kind === 'reply') {
      return this.#exchange?.server.reply(served, packet, fate);
    }
    const data = this.#toBytes(packet, peer, to);
    if (data === undefined) return fate?.left(this.scheduler.now());
    if (record !== undefined && packet.kind === 'reply') {
      this.#exchange?.plain.replied(record, data, isLast(packet), isRefusal(packet));
    }
    this.endpoint.answer(data, peer, fate, isRefusal(packet) ? REFUSAL_PASSAGE : passage);
  }

  /** Drops a request that was not run, and without a word: its next copy is as good as this one. */
  dropUnrun(datagram: InboundDatagram, reason: string): void {
    if (datagram.record !== undefined) this.#exchange?.plain.forget(datagram.record);
    this.endpoint.countDrop(datagram, reason);
  }

  /** A confirmable event was handed to its handlers. */
  received(served: Served): void {
    this.#exchange?.server.received(served);
  }

  /** A confirmable event that is not taken: its sender is told. */
  refuseEvent(served: Served, reason: GoneReason): void {
    this.#exchange?.server.refuseEvent(served, reason);
  }

  /** Resolves when nothing waits to leave, and streams and large replies have arrived. */
  async drained(): Promise<void> {
    await this.#exchange?.server.delivered();
    await this.endpoint.drained();
  }

  /** Fails all requests, closes the endpoint. */
  async close(): Promise<void> {
    const closed = this.endpoint.close();
    this.#plain?.close();
    this.#exchange?.close();
    await closed;
  }

  stats(): PacketStats {
    const { requests, events, raw, replies, unknown, foreign } = this.#counts;
    const client = this.#exchange?.client;
    return Object.freeze({
      requests,
      events,
      raw,
      replies,
      unknownReplies: unknown,
      foreignReplies: foreign,
      inFlight: (this.#plain?.pending ?? 0) + (client?.pending ?? 0),
      timeouts: (this.#plain?.timeouts ?? 0) + (client?.timeouts ?? 0),
      exchange: this.#exchange?.stats(),
    });
  }

  #exchangeOf(what: string): Exchange {
    if (this.#exchange !== undefined) return this.#exchange;
    throw new TypeError(`the ${this.codec.name} codec has no ${what}`);
  }

  #encode(packet: RequestPacket | EventPacket, peer: PeerAddress): Uint8Array {
    const data = this.#toBytes(packet, peer, undefined);
    if (data === undefined) throw new TypeError(`the ${this.codec.name} codec has no ${packet.kind}s`);
    return data;
  }

  #toBytes(packet: Packet, peer: PeerAddress, request: InboundPacket | undefined): Uint8Array | undefined {
    const maxBytes = this.endpoint.maxDatagramSize;
    const data = this.codec.encode(packet, { peer, request, maxBytes });
    if (data !== undefined && data.length > maxBytes) throw new MessageTooLargeError(data.length, maxBytes);
    return data;
  }

  #receive(datagram: InboundDatagram): void {
    if (this.#exchange !== undefined && isFrame(datagram.data)) {
      return this.#receiveFrame(datagram, this.#exchange);
    }
    let packets: readonly Packet[];
    try {
      packets = this.#decode(datagram);
    } catch (error) {
      return this.#countMalformed(error, datagram);
    }
    for (const packet of packets) this.#dispatch(packet, datagram);
  }

  /** Reads a datagram, once, whoever asks. @throws {MalformedDatagramError} or whatever else the codec throws */
  #decode(datagram: InboundDatagram): readonly Packet[] {
    if (datagram.packets === undefined) {
      const decoded = this.codec.decode(datagram.data, datagram.peer);
      if (typeof decoded !== 'object' || decoded === null) throw new TypeError('the codec gave no packet');
      datagram.packets = isList(decoded) ? decoded : [decoded];
    }
    return datagram.packets;
  }

  #isAwaited(datagram: InboundDatagram): boolean {
    const { peer } = datagram;
    const client = this.#exchange?.client;
    // What strangers send is not worth reading before its time.
    if (this.#plain?.mayBeAsked(peer) !== true && client?.isAsked(peer) !== true) return false;
    try {
      if (client !== undefined && isFrame(datagram.data)) {
        return client.isPending(decodeFrame(datagram.data).id, peer);
      }
      return this.#decode(datagram).some(
        (packet) =>
          packet.kind === 'reply' &&
          (this.#plain?.isPending(packet.id, peer) === true || client?.isPending(packet.id, peer) === true),
      );
    } catch {
      return false;
    }
  }

  #receiveFrame(datagram: InboundDatagram, { client, server }: Exchange): void {
    let frame: Frame;
    try {
      frame = decodeFrame(datagram.data);
    } catch (error) {
      return this.#countMalformed(error, datagram);
    }
    if (frame.client === undefined) return this.#countStray(client.onFrame(frame, datagram));
    if (this.#server === undefined) return this.endpoint.countDrop(datagram, 'not-serving');
    server.onFrame(frame, datagram);
  }

  #dispatch(packet: Packet, datagram: InboundDatagram): void {
    switch (packet.kind) {
      case 'reply':
        return this.#takeReply(packet, datagram);
      case 'control':
        // Codecs of others may know words that nobody here does.
        return this.endpoint.countDrop(datagram, 'unknown-control');
      case 'request':
      case 'event':
        if (isStamped(packet) && this.#exchange !== undefined && this.#server !== undefined) {
          return this.#exchange.server.onQuestion(packet, datagram);
        }
        if (packet.kind === 'request' && this.#exchange?.plain.take(packet, datagram) === false) return;
    }
    this.#serve(packet, datagram, undefined);
  }

  #serve(packet: InboundPacket, datagram: InboundDatagram, served: Served | undefined): void {
    if (packet.kind === 'request') this.#counts.requests++;
    else if (packet.kind === 'event') this.#counts.events++;
    else this.#counts.raw++;
    if (this.#server === undefined) this.endpoint.countDrop(datagram, 'not-serving');
    else this.#server(packet, datagram, served);
  }

  #takeReply(packet: ReplyPacket, datagram: InboundDatagram): void {
    const client = this.#plain ?? this.#exchange?.client;
    const stray = client?.onReply(packet, datagram);
    if (stray === undefined) this.#counts.replies++;
    else this.#countStray(stray);
  }

  #countStray(stray: Stray | undefined): void {
    if (stray === 'unknown') this.#counts.unknown++;
    else if (stray === 'foreign') this.#counts.foreign++;
  }

  #countMalformed(error: unknown, datagram: InboundDatagram): void {
    const reason = error instanceof MalformedDatagramError ? error.reason : 'codec failed';
    this.endpoint.countDrop(datagram, `malformed: ${reason}`);
  }
}

function isStamped(packet: RequestPacket | EventPacket): packet is StampedQuestion {
  return packet.stamp !== undefined;
}

function isRefusal(packet: ReplyPacket | RawPacket): boolean {
  return packet.kind === 'reply' && packet.code !== undefined;
}

function isList(packets: Packet | readonly Packet[]): packets is readonly Packet[] {
  return Array.isArray(packets);
}

function yes(): boolean {
  return true;
}

function letIn(): number {
  return 0;
}
