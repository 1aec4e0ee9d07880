import type { Frame } from '../codec/frame.js';
import type { EventPacket, PacketId, ReplyPacket, RequestPacket, RequestStamp } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import { AskedRequests } from '../exchange/asked-requests.js';
import type { PeerPath } from '../exchange/peer-path.js';
import { hexWords } from '../exchange/request-key.js';
import type { Answer, Question, RequestTimes } from './asking.js';
import { Cancellation } from './cancellation.js';
import type { InboundDatagram } from './downlink.js';
import { EndpointClosedError, PeerUnreachableError, TooManyRequestsError } from './endpoint.errors.js';
import { checkSize, postFrame, readMessage, type ExchangeParts } from './exchange-parts.js';
import { Inquiry, type InquiryOwner } from './inquiry.js';
import type { Passage } from './passage.js';

/** What arrived and belongs to no request of ours, or comes from the wrong address. */
export type Stray = 'unknown' | 'foreign';

/** The asking half of the exchange: all requests and confirmable events of ours over one socket. */
export class ExchangeClient implements InquiryOwner {
  readonly #inquiries = new AskedRequests<Inquiry>(hexWords);
  readonly #cancellations = new Map<string, Cancellation>();
  #timeouts = 0;

  /**
   * @param createId makes the ids of requests: 16 hexadecimal digits
   * @param maxPending most requests that may wait for replies
   */
  constructor(
    readonly parts: ExchangeParts,
    private readonly createId: () => string,
    private readonly maxPending: number,
  ) {}

  /** Asks a peer. @returns a function that gives the request up; nothing is told after it */
  request(
    question: Question,
    peer: PeerAddress,
    times: RequestTimes,
    answer: Answer,
    passage: Passage,
  ): () => void {
    return this.#start(question, false, peer, times, answer, passage);
  }

  /**
   * Tells a peer something until it has said that it knows.
   *
   * @returns a promise that is fulfilled when the peer has the event
   */
  confirm(
    event: Omit<EventPacket, 'kind'>,
    peer: PeerAddress,
    timeoutMs: number,
    passage: Passage,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const answer = { reply: () => resolve(), failed: reject };
      this.#start(event, true, peer, { timeoutMs, streamTimeoutMs: timeoutMs }, answer, passage);
    });
  }

  /** Whether anything is asked of a peer, now or a moment ago. */
  isAsked(peer: PeerAddress): boolean {
    return this.#inquiries.size > 0 && this.parts.paths.has(peer);
  }

  isPending(id: PacketId, peer: PeerAddress): boolean {
    return this.#inquiries.get(id)?.peer.equals(peer) === true;
  }

  /** Takes a reply in one datagram. */
  onReply(packet: ReplyPacket, { peer, receivedAtMs }: InboundDatagram): Stray | undefined {
    const inquiry = this.#inquiries.get(packet.id);
    if (inquiry === undefined) return 'unknown';
    if (!inquiry.peer.equals(peer)) return 'foreign';
    this.#heard(inquiry, receivedAtMs);
    inquiry.onReply(packet, receivedAtMs);
    return undefined;
  }

  /** Takes a frame of the answering side. */
  onFrame(frame: Frame, { peer, receivedAtMs, bytes }: InboundDatagram): Stray | undefined {
    if (frame.kind === 'cancelled') return this.#onCancelled(frame.id, peer);
    const inquiry = this.#inquiries.get(frame.id);
    if (inquiry === undefined) {
      // Its sender waits for an acknowledgement that was lost, or streams to somebody who is gone.
      if (frame.kind === 'segment' && bytes >= CANCEL_BYTES) this.#turnAway(frame.id, peer);
      return 'unknown';
    }
    if (!inquiry.peer.equals(peer)) return 'foreign';
    this.#heard(inquiry, receivedAtMs);
    this.#dispatch(frame, inquiry, receivedAtMs);
    return undefined;
  }

  /** The machine of a connected peer says that nobody listens. */
  onUnreachable(cause: Error): void {
    for (const inquiry of this.#inquiries.values())
      inquiry.fail(new PeerUnreachableError(inquiry.peer, cause));
  }

  close(): void {
    for (const inquiry of this.#inquiries.values()) inquiry.fail(new EndpointClosedError());
    for (const cancellation of this.#cancellations.values()) cancellation.end();
  }

  /** Requests and confirmable events that wait for their end. */
  get pending(): number {
    return this.#inquiries.size;
  }

  /** Those that nobody answered in time. */
  get timeouts(): number {
    return this.#timeouts;
  }

  onOver(inquiry: Inquiry): void {
    this.#inquiries.remove(inquiry);
  }

  probe({ id, peer, epoch }: Inquiry): void {
    this.parts.counts.probes++;
    postFrame(this.parts, { kind: 'probe', id, client: this.parts.client, epoch }, peer);
  }

  cancel({ id, peer, path }: Inquiry): void {
    if (this.#cancellations.size >= MAX_CANCELLATIONS || this.#cancellations.has(id)) return;
    const forget = (): void => void this.#cancellations.delete(id);
    const cancellation = new Cancellation(this.parts, id, peer, path, forget);
    if (!cancellation.isOver) this.#cancellations.set(id, cancellation);
  }

  prove({ id, peer, path, epoch }: Inquiry): void {
    const nowMs = this.parts.scheduler.now();
    // Many requests at once are asked for the same token.
    if (path.token === undefined || nowMs - path.shownMs < SHOW_EVERY_MS) return;
    path.shownMs = nowMs;
    this.parts.counts.proofs++;
    const { client } = this.parts;
    postFrame(this.parts, { kind: 'proof', id, client, epoch, token: path.token }, peer);
  }

  onFirstSample(path: PeerPath): void {
    const nowMs = this.parts.scheduler.now();
    for (const inquiry of this.#inquiries.values()) if (inquiry.path === path) inquiry.onFirstSample(nowMs);
  }

  toReply(message: Uint8Array, { id, peer }: Inquiry): ReplyPacket | undefined {
    const packet = readMessage(this.parts, message, peer);
    return packet?.kind === 'reply' && packet.id === id ? packet : undefined;
  }

  countTimeout(): void {
    this.#timeouts++;
  }

  #start(
    question: Question,
    isEvent: boolean,
    peer: PeerAddress,
    times: RequestTimes,
    answer: Answer,
    passage: Passage,
  ): () => void {
    const { endpoint, scheduler, paths } = this.parts;
    const nowMs = scheduler.now();
    const id = this.createId();
    let bytes: Uint8Array;
    try {
      bytes = this.#encode(question, id, isEvent, peer, times.timeoutMs);
    } catch (error) {
      answer.failed(error as Error);
      return ignore;
    }
    if (endpoint.closed) answer.failed(new EndpointClosedError());
    else if (this.#inquiries.size >= this.maxPending || this.#inquiries.get(id) !== undefined) {
      answer.failed(new TooManyRequestsError(this.maxPending));
    } else {
      const path = paths.hold(peer, nowMs);
      const inquiry = new Inquiry(this, { id, bytes, isEvent, passage }, peer, path, times, answer, nowMs);
      this.#inquiries.add(inquiry);
      inquiry.start(nowMs);
      return () => inquiry.giveUp();
    }
    return ignore;
  }

  #encode(
    question: Question,
    id: string,
    isEvent: boolean,
    peer: PeerAddress,
    patienceMs: number,
  ): Uint8Array {
    const { codec, client, endpoint, limits, memory } = this.parts;
    const stamp: RequestStamp = { client, attempt: 1, ageMs: 0, patienceMs, epoch: 0 };
    // Written out: copies of objects that have several forms cost a microsecond each.
    const { pattern, data, metadata } = question;
    const packet: RequestPacket | EventPacket = isEvent
      ? { kind: 'event', pattern, data, metadata, stamp: { ...stamp, eventId: id } }
      : { kind: 'request', id, pattern, data, metadata, stamp };
    const maxBytes = Math.max(endpoint.maxDatagramSize, limits.maxMessageBytes);
    const bytes = codec.encode(packet, { peer, maxBytes, allocate: memory.take });
    if (bytes === undefined) throw new TypeError(`the ${codec.name} codec has no ${packet.kind}s`);
    checkSize(this.parts, bytes.length);
    return bytes;
  }

  #dispatch(frame: Frame, inquiry: Inquiry, nowMs: number): void {
    switch (frame.kind) {
      case 'pending':
        return inquiry.onPending(frame.epoch, frame.waitMs, nowMs);
      case 'busy':
        return inquiry.onBusy(frame.epoch, frame.retryAfterMs, nowMs);
      case 'gone':
        return inquiry.onGone(frame.reason);
      case 'challenge':
        // Its own bytes: those of the datagram are many more.
        return inquiry.onChallenge(frame.epoch, Uint8Array.from(frame.token), frame.isRefusal, nowMs);
      case 'received':
        return inquiry.onReceived(frame.epoch, nowMs);
      case 'ack':
        return inquiry.onAcknowledged(frame, nowMs);
      case 'segment':
        return inquiry.onSegment(frame, nowMs);
    }
  }

  /** Whoever knows the id of a request has received it. */
  #heard({ path, peer }: Inquiry, nowMs: number): void {
    path.heardMs = nowMs;
    this.parts.endpoint.validation.proved(peer);
  }

  #onCancelled(id: string, peer: PeerAddress): Stray | undefined {
    const cancellation = this.#cancellations.get(id);
    if (cancellation === undefined) return 'unknown';
    if (!cancellation.peer.equals(peer)) return 'foreign';
    cancellation.end();
    return undefined;
  }

  /** Says that nothing more is wanted, in no more bytes than came. */
  #turnAway(id: string, peer: PeerAddress): void {
    if (this.#cancellations.has(id)) return;
    const { client } = this.parts;
    postFrame(this.parts, { kind: 'cancel', id, client, epoch: 0 }, peer);
  }
}

function ignore(): void {}

// Shorter than most round trips: a proof that was lost is sent again when the next one is asked for.
const SHOW_EVERY_MS = 100;

// A frame of the asking side without more: nobody gets more bytes out of us than were put in.
const CANCEL_BYTES = 24;

// Past this, those who stream to nobody learn it from their leases.
const MAX_CANCELLATIONS = 1024;
