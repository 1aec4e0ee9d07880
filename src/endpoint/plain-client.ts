import type { PacketId, ReplyPacket } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import { PendingRequests, type PendingRequest } from '../exchange/pending-requests.js';
import { Alarm } from './alarm.js';
import { isLast, type Answer, type RequestTimes } from './asking.js';
import {
  EndpointClosedError,
  PeerUnreachableError,
  RequestTimeoutError,
  TooManyRequestsError,
} from './endpoint.errors.js';
import type { InboundDatagram } from './downlink.js';
import type { Stray } from './exchange-client.js';
import type { Passage } from './passage.js';
import type { Scheduler } from './scheduler.js';
import type { UdpEndpoint } from './udp-endpoint.js';
import type { Fate } from './uplink.js';

/** Requests of ours in protocols of others: each is sent once, and waits for its replies until its time is up. */
export class PlainClient {
  readonly #pending: PendingRequests<ReplyPacket>;
  readonly #deadline: Alarm;
  #timeouts = 0;

  /**
   * @param createId makes an id; one that is in use is asked for again
   * @param maxPending most requests that may wait for replies
   */
  constructor(
    private readonly endpoint: UdpEndpoint,
    private readonly scheduler: Scheduler,
    private readonly createId: () => PacketId,
    maxPending: number,
  ) {
    this.#pending = new PendingRequests(maxPending);
    this.#deadline = new Alarm(scheduler, () => this.#expire());
  }

  /**
   * @param encode writes the request with its id
   * @returns a function that gives the request up; nothing is told after it
   */
  request(
    encode: (id: PacketId) => Uint8Array,
    peer: PeerAddress,
    times: RequestTimes,
    answer: Answer,
    passage: Passage,
  ): () => void {
    let id: PacketId;
    let data: Uint8Array;
    try {
      id = this.#freshId();
      data = encode(id);
    } catch (error) {
      answer.failed(error as Error);
      return ignore;
    }
    const request = new PlainRequest(this, id, peer, times, answer);
    if (this.endpoint.closed) answer.failed(new EndpointClosedError());
    else if (!this.#pending.add(request, (times.sinceMs ?? this.scheduler.now()) + times.timeoutMs)) {
      answer.failed(new TooManyRequestsError(this.#pending.capacity));
    } else {
      this.#aim();
      this.endpoint.post(data, peer, request, passage);
    }
    return () => void this.#pending.remove(request);
  }

  /** Whether a request to a peer waits for its reply; of few others the same is said. */
  mayBeAsked(peer: PeerAddress): boolean {
    return this.#pending.mayBeAsked(peer);
  }

  isPending(id: PacketId, peer: PeerAddress): boolean {
    return typeof this.#pending.match(id, peer) === 'object';
  }

  onReply(packet: ReplyPacket, { peer }: InboundDatagram): Stray | undefined {
    const request = this.#pending.match(packet.id, peer);
    if (request === 'unknown-id') return 'unknown';
    if (request === 'wrong-peer') return 'foreign';
    request.onReply(packet);
    return undefined;
  }

  /** The machine of a connected peer says that nobody listens. */
  onUnreachable(cause: Error): void {
    for (const request of this.#pending.drain()) {
      request.onFailure(new PeerUnreachableError(request.peer, cause));
    }
  }

  close(): void {
    this.#deadline.disarm();
    for (const request of this.#pending.drain()) request.onFailure(new EndpointClosedError());
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

  /** Requests that wait for replies. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Requests that nobody answered in time. */
  get timeouts(): number {
    return this.#timeouts;
  }

  #freshId(): PacketId {
    let id = this.createId();
    for (let tries = 0; this.#pending.has(id) && tries < MAX_ID_TRIES; tries++) id = this.createId();
    return id;
  }

  #expire(): void {
    const nowMs = this.scheduler.now();
    for (let request = this.#pending.expire(nowMs); request; request = this.#pending.expire(nowMs)) {
      this.#timeouts++;
      const { peer, timeoutMs, values } = request as PlainRequest;
      request.onFailure(new RequestTimeoutError(peer, timeoutMs, values));
    }
    this.#aim();
  }

  #aim(): void {
    this.#deadline.aim(this.#pending.nextDeadlineMs());
  }
}

/** A request of ours, from the first byte to the last reply. */
class PlainRequest implements PendingRequest<ReplyPacket>, Fate {
  /** Values that have come. */
  values = 0;

  constructor(
    private readonly client: PlainClient,
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
      this.client.finish(this);
    } else {
      this.client.extend(this.id, this.times.streamTimeoutMs);
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
    this.client.fail(this, error);
  }
}

function ignore(): void {}

// Only protocols with tiny ids come near this; then the request fails as a timeout of the older one would.
const MAX_ID_TRIES = 64;
