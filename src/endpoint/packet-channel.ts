import { randomFillSync } from 'node:crypto';
import type { PeerAddress } from '../common/peer-address.js';
import type { DatagramCodec } from '../codec/datagram-codec.js';
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
import { PendingRequests, type PendingRequest } from '../exchange/pending-requests.js';
import { requestIdSource } from '../exchange/request-id.js';
import type { PacketStats } from '../telemetry/stats.js';
import { Alarm } from './alarm.js';
import { BusyReplies } from './busy-replies.js';
import {
  EndpointClosedError,
  MessageTooLargeError,
  PeerUnreachableError,
  RequestTimeoutError,
  TooManyRequestsError,
} from './endpoint.errors.js';
import { REFUSAL_PASSAGE, USUAL_PASSAGE, type Passage } from './passage.js';
import type { Scheduler } from './scheduler.js';
import type { InboundDatagram } from './downlink.js';
import type { UdpEndpoint } from './udp-endpoint.js';
import type { Fate } from './uplink.js';

/** Takes what peers ask, tell and throw at us. Must not throw. */
export type PacketServer = (packet: InboundPacket, datagram: InboundDatagram) => void;

/** What a request of ours asks. */
export type Question = Pick<RequestPacket, 'pattern' | 'data' | 'metadata'>;

/** What becomes of a request of ours. */
export interface Answer {
  /** A reply; none follows one with an `err` or a `code`, or that `isDisposed`. */
  reply(packet: ReplyPacket): void;
  /** Nothing more will come. */
  failed(error: Error): void;
}

export interface RequestTimes {
  /** Milliseconds until the first value must be here. */
  readonly timeoutMs: number;
  /** Milliseconds of `timeoutMs` that are over already. @default 0 */
  readonly spentMs?: number;
  /** Milliseconds from one value of a stream to the next; `Infinity` waits for ever. */
  readonly streamTimeoutMs: number;
}

/**
 * Packets over one endpoint: decodes what arrives, gives replies to the requests that wait for them and the
 * rest to the server, and encodes what leaves.
 */
export class PacketChannel {
  readonly busyReplies: BusyReplies;
  readonly #pending: PendingRequests<ReplyPacket>;
  readonly #deadline: Alarm;
  readonly #createId: () => PacketId;
  readonly #counts = { requests: 0, events: 0, raw: 0, replies: 0, unknown: 0, foreign: 0, timeouts: 0 };
  #server: PacketServer | undefined;

  /** @param maxPendingRequests most requests of ours that may wait for replies */
  constructor(
    readonly endpoint: UdpEndpoint,
    readonly codec: DatagramCodec,
    private readonly scheduler: Scheduler,
    maxPendingRequests: number,
  ) {
    this.#pending = new PendingRequests(maxPendingRequests);
    this.#deadline = new Alarm(scheduler, () => this.#expire());
    this.#createId = codec.createId?.bind(codec) ?? requestIdSource(randomFillSync);
    this.busyReplies = new BusyReplies(endpoint, codec, scheduler);
    endpoint.onDatagram = (datagram) => this.#receive(datagram);
    endpoint.isAwaited = (datagram) => this.#isAwaited(datagram);
    endpoint.turnAway = (datagram) => this.busyReplies.turnAway(datagram, () => this.#decode(datagram));
    endpoint.onUnreachable = (cause) => this.#onUnreachable(cause);
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
    let id: PacketId;
    let data: Uint8Array;
    try {
      id = this.#freshId();
      data = this.#encode({ kind: 'request', id, ...question }, peer);
    } catch (error) {
      answer.failed(error as Error);
      return ignore;
    }
    const request = new Inquiry(this, id, peer, times, answer);
    if (this.endpoint.closed) answer.failed(new EndpointClosedError());
    else if (!this.#pending.add(request, this.scheduler.now() + times.timeoutMs - (times.spentMs ?? 0))) {
      answer.failed(new TooManyRequestsError(this.#pending.capacity));
    } else {
      this.#aim();
      this.endpoint.post(data, peer, request, passage);
    }
    return () => void this.#pending.remove(request);
  }

  /** Tells a peer something. @throws as {@link reply}, and as {@link UdpEndpoint.send} */
  async notify(event: Omit<EventPacket, 'kind'>, peer: PeerAddress, passage?: Passage): Promise<void> {
    await this.endpoint.send(this.#encode({ kind: 'event', ...event }, peer), peer, passage);
  }

  /**
   * Answers a packet.
   *
   * @throws {MessageTooLargeError} more than a datagram may hold
   * @throws whatever the codec throws when it cannot say the packet
   */
  reply(
    packet: ReplyPacket | RawPacket,
    to: InboundPacket,
    peer: PeerAddress,
    fate?: Fate,
    passage: Passage = USUAL_PASSAGE,
  ): void {
    const data = this.#toBytes(packet, peer, to);
    if (data === undefined) fate?.left(this.scheduler.now());
    else this.endpoint.post(data, peer, fate, isRefusal(packet) ? REFUSAL_PASSAGE : passage);
  }

  /** Moves the deadline of a request. */
  extend(id: PacketId, milliseconds: number): void {
    this.#pending.extend(id, this.scheduler.now() + milliseconds);
    this.#aim();
  }

  /** Fails one request, if it still waits. */
  fail(request: PendingRequest<ReplyPacket>, error: Error): void {
    if (this.#pending.remove(request)) request.onFailure(error);
  }

  /** Ends a request whose last reply is here. */
  finish(request: PendingRequest<ReplyPacket>): void {
    this.#pending.remove(request);
  }

  /** Fails all requests, closes the endpoint. */
  async close(): Promise<void> {
    const closed = this.endpoint.close();
    this.#deadline.disarm();
    for (const request of this.#pending.drain()) request.onFailure(new EndpointClosedError());
    await closed;
  }

  stats(): PacketStats {
    const { requests, events, raw, replies, unknown, foreign, timeouts } = this.#counts;
    return Object.freeze({
      requests,
      events,
      raw,
      replies,
      unknownReplies: unknown,
      foreignReplies: foreign,
      inFlight: this.#pending.size,
      timeouts,
    });
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
    let packets: readonly Packet[];
    try {
      packets = this.#decode(datagram);
    } catch (error) {
      const reason = error instanceof MalformedDatagramError ? error.reason : 'codec failed';
      return this.endpoint.countDrop(datagram, `malformed: ${reason}`);
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
    // What strangers send is not worth reading before its time.
    if (!this.#pending.isAsked(peer)) return false;
    try {
      return this.#decode(datagram).some(
        (packet) => packet.kind === 'reply' && typeof this.#pending.match(packet.id, peer) === 'object',
      );
    } catch {
      return false;
    }
  }

  #dispatch(packet: Packet, datagram: InboundDatagram): void {
    switch (packet.kind) {
      case 'reply':
        return this.#takeReply(packet, datagram);
      case 'control':
        // No control packet is spoken in this version: those of later ones are counted and ignored.
        return this.endpoint.countDrop(datagram, 'unknown-control');
      case 'request':
        this.#counts.requests++;
        break;
      case 'event':
        this.#counts.events++;
        break;
      case 'raw':
        this.#counts.raw++;
    }
    if (this.#server === undefined) this.endpoint.countDrop(datagram, 'not-serving');
    else this.#server(packet, datagram);
  }

  #takeReply(packet: ReplyPacket, { peer }: InboundDatagram): void {
    const request = this.#pending.match(packet.id, peer);
    if (request === 'unknown-id') this.#counts.unknown++;
    else if (request === 'wrong-peer') this.#counts.foreign++;
    else {
      this.#counts.replies++;
      request.onReply(packet);
    }
  }

  #freshId(): PacketId {
    let id = this.#createId();
    for (let tries = 0; this.#pending.has(id) && tries < MAX_ID_TRIES; tries++) id = this.#createId();
    return id;
  }

  #expire(): void {
    const nowMs = this.scheduler.now();
    for (let request = this.#pending.expire(nowMs); request; request = this.#pending.expire(nowMs)) {
      this.#counts.timeouts++;
      const { peer, timeoutMs, values } = request as Inquiry;
      request.onFailure(new RequestTimeoutError(peer, timeoutMs, values));
    }
    this.#aim();
  }

  #aim(): void {
    this.#deadline.aim(this.#pending.nextDeadlineMs());
  }

  #onUnreachable(cause: Error): void {
    for (const request of this.#pending.drain()) {
      request.onFailure(new PeerUnreachableError(request.peer, cause));
    }
  }
}

/** A request of ours, from the first byte to the last reply. */
class Inquiry implements PendingRequest<ReplyPacket>, Fate {
  /** Values that have come. */
  values = 0;

  constructor(
    private readonly channel: PacketChannel,
    readonly id: PacketId,
    readonly peer: PeerAddress,
    private readonly times: RequestTimes,
    private readonly answer: Answer,
  ) {}

  /** The bound that applies now. */
  get timeoutMs(): number {
    return this.values === 0 ? this.times.timeoutMs : this.times.streamTimeoutMs;
  }

  onReply(packet: ReplyPacket): void {
    this.values++;
    if (isLast(packet)) {
      this.channel.finish(this);
    } else {
      this.channel.extend(this.id, this.times.streamTimeoutMs);
    }
    this.answer.reply(packet);
  }

  onFailure(error: Error): void {
    this.answer.failed(error);
  }

  left(): void {
    // The deadline runs from the call: what waits in our own queue is the caller's time too.
  }

  dropped(error: Error): void {
    this.channel.fail(this, error);
  }
}

function isLast({ isDisposed, err, code }: ReplyPacket): boolean {
  return isDisposed === true || code !== undefined || (err !== undefined && err !== null);
}

function ignore(): void {}

function isRefusal(packet: ReplyPacket | RawPacket): boolean {
  return packet.kind === 'reply' && packet.code !== undefined;
}

function isList(packets: Packet | readonly Packet[]): packets is readonly Packet[] {
  return Array.isArray(packets);
}

// Only protocols with tiny ids come near this; then the request fails as a timeout of the older one would.
const MAX_ID_TRIES = 64;
