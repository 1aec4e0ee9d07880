import type { GoneReason, SegmentFrame } from '../codec/frame.js';
import type { ReplyPacket } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { PeerPath, Waiting } from '../exchange/peer-path.js';
import { RequestProgress } from '../exchange/request-progress.js';
import { isLast, type Answer, type RequestTimes } from './asking.js';
import { Timed } from './deadlines.js';
import {
  EndpointClosedError,
  MessageTooLargeError,
  NobodyWaitsError,
  OutcomeUnknownError,
  PeerBusyError,
  PeerRefusedError,
  RequestTimeoutError,
  StreamLostError,
  TooManyRequestsError,
} from './endpoint.errors.js';
import type { ExchangeParts } from './exchange-parts.js';
import { IncomingRun, type RunSink } from './incoming-run.js';
import { OutgoingRun } from './outgoing-run.js';
import type { Fate } from './uplink.js';

/** What an inquiry needs of the half of the exchange that it belongs to. */
export interface InquiryOwner {
  readonly parts: ExchangeParts;
  /** Out of the table; called once. */
  onOver(inquiry: Inquiry): void;
  /** Asks the peer what became of it. */
  probe(inquiry: Inquiry): void;
  /** Tells the peer that nobody waits any more. */
  cancel(inquiry: Inquiry): void;
  /** The first measurement of a path. */
  onFirstSample(path: PeerPath): void;
  /** Reads a message that came in segments; `undefined` when it is no reply to this inquiry. */
  toReply(message: Uint8Array, inquiry: Inquiry): ReplyPacket | undefined;
  countTimeout(): void;
}

/** What is asked or told: the first copy as bytes. */
export interface InquiryMessage {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly isEvent: boolean;
}

/**
 * A request or a confirmable event of ours over the exchange, from the call to the last reply: it waits for its
 * place, is sent and sent again, gathers what comes, and ends exactly once.
 */
export class Inquiry extends Timed implements Fate, Waiting, RunSink {
  /** Values that have come. */
  values = 0;
  /** What the peer's last refusal asked for. */
  #retryAfterMs = 0;
  /** Life of the server when the first copy was sent; 0 while none is known. */
  #epoch = 0;
  readonly #progress: RequestProgress;
  #hasPlace = false;
  #isOver = false;
  #hasLeft = false;
  #upstream: OutgoingRun | undefined;
  #downstream: IncomingRun | undefined;
  /** When the next value must be here; the progress has the deadline of the first one. */
  #valueDeadlineMs = Infinity;
  #heardMs = 0;
  #probedMs = 0;

  constructor(
    private readonly owner: InquiryOwner,
    readonly message: InquiryMessage,
    readonly peer: PeerAddress,
    readonly path: PeerPath,
    private readonly times: RequestTimes,
    private readonly answer: Answer,
  ) {
    super();
    const { scheduler, random } = owner.parts;
    this.#progress = new RequestProgress(path.rtt, scheduler.now() + times.timeoutMs, random);
  }

  /** Gets in line. */
  start(): void {
    this.#aim();
    if (!this.path.enter(this)) this.fail(new TooManyRequestsError(this.owner.parts.limits.maxWaiting));
  }

  admit(): void {
    this.#hasPlace = true;
    this.#send();
  }

  leaving(nowMs: number): boolean {
    // A copy that waited in our own queue while the peer gave a sign that it has another one.
    if (this.#isOver || this.#progress.isHeld || this.#progress.isAnswered) return false;
    this.#hasLeft = true;
    this.#stamp(nowMs);
    return true;
  }

  left(nowMs: number): void {
    if (this.#isOver) return;
    this.#progress.onLeft(nowMs);
    this.#aim();
  }

  dropped(error: Error): void {
    if (this.#isOver || error instanceof NobodyWaitsError) return;
    // Later copies have time: what had no room now may have some when the timer runs out again.
    if (this.#progress.attempts > 1 && !(error instanceof EndpointClosedError)) {
      return this.left(this.owner.parts.scheduler.now());
    }
    this.fail(error);
  }

  onDue(nowMs: number): void {
    if (this.#isOver) return;
    if (this.#progress.isAnswered) return this.#onStreamDue(nowMs);
    switch (this.#progress.step(nowMs)) {
      case 'fail':
        return this.#timeOut();
      case 'send':
        this.owner.parts.counts.retransmissions++;
        this.#send();
        break;
      case 'probe':
        this.owner.probe(this);
    }
    this.#aim();
  }

  /** A reply in one datagram. */
  onReply(packet: ReplyPacket, receivedAtMs: number): void {
    const { stamp } = packet;
    if (stamp !== undefined) {
      this.#learn(stamp.epoch);
      const rttMs = this.#progress.rttOf(stamp.attempt, stamp.heldMs, receivedAtMs);
      const isClean = rttMs !== undefined && this.#upstream === undefined;
      if (isClean && this.path.rtt.sample(rttMs)) this.owner.onFirstSample(this.path);
    }
    this.#take(packet, receivedAtMs);
  }

  /** A piece of a reply, or a value of a stream. */
  onSegment(frame: SegmentFrame, nowMs: number): void {
    this.#hear(frame.epoch, nowMs);
    this.#progress.onAnswered();
    this.#closeUpstream(nowMs);
    const { parts } = this.owner;
    const name = { id: this.message.id, client: parts.client, peer: this.peer };
    this.#downstream ??= new IncomingRun(parts, this.path, name, this, nowMs);
    this.#downstream.receive(frame, nowMs);
    if (!this.#isOver) this.#aim();
  }

  onAcknowledged(
    frame: { epoch: number; next: number; window: number; bitmap: Uint8Array },
    nowMs: number,
  ): void {
    this.#hear(frame.epoch, nowMs);
    this.#upstream?.acknowledge(frame, nowMs);
  }

  onPending(epoch: number, waitMs: number, nowMs: number): void {
    this.#hear(epoch, nowMs);
    this.#closeUpstream(nowMs);
    this.#progress.onPending(waitMs, nowMs);
    this.#aim();
  }

  onBusy(epoch: number, retryAfterMs: number, nowMs: number): void {
    // A busy peer keeps its place here, so that others do not crowd it even more.
    this.#learn(epoch);
    this.#closeUpstream(nowMs);
    this.#retryAfterMs = retryAfterMs;
    this.#progress.onBusy(retryAfterMs, nowMs);
    this.#aim();
  }

  onGone(reason: GoneReason): void {
    this.fail(this.#errorOf(reason));
  }

  /** A confirmable event is there. */
  onReceived(epoch: number, nowMs: number): void {
    this.#hear(epoch, nowMs);
    if (this.message.isEvent) this.#take({ kind: 'reply', id: this.message.id, isDisposed: true }, nowMs);
  }

  /** A timer that ran without a measurement is aimed anew. */
  onFirstSample(nowMs: number): void {
    this.#progress.onFirstSample(nowMs);
    this.#aim();
  }

  onMessage(message: Uint8Array, isEnd: boolean, nowMs: number): void {
    const packet = this.owner.toReply(message, this);
    if (packet === undefined) return this.onBroken();
    this.#take(isEnd && !isLast(packet) ? { ...packet, isDisposed: true } : packet, nowMs);
  }

  onBroken(reason: 'too-large' | 'broken' = 'broken'): void {
    const { maxMessageBytes } = this.owner.parts.limits;
    this.owner.cancel(this);
    this.fail(
      reason === 'too-large'
        ? new MessageTooLargeError(Infinity, maxMessageBytes, 'a message in segments')
        : new PeerRefusedError(this.peer, 'failed', 'its reply contradicts itself'),
    );
  }

  onStale(): void {
    this.#timeOut();
  }

  /** Nobody waits any more: nothing is told, but to the peer. */
  giveUp(): void {
    if (this.#isOver) return;
    this.#end();
    if (this.#hasLeft && !this.message.isEvent) this.owner.cancel(this);
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#end();
    this.answer.failed(error);
  }

  get isWaiting(): boolean {
    return !this.#isOver;
  }

  /** Life of the server that it was sent to; 0 while none is known. */
  get epoch(): number {
    return this.#epoch;
  }

  #send(): void {
    const { parts } = this.owner;
    this.#progress.onQueued();
    // What was sent before anything was known of the server may have reached any life of it.
    if (this.#epoch === 0) this.#epoch = this.#hasLeft ? this.path.firstEpoch : this.path.epoch;
    const { bytes, id } = this.message;
    if (bytes.length <= parts.endpoint.maxDatagramSize) return parts.endpoint.post(bytes, this.peer, this);
    this.#stamp(parts.scheduler.now());
    this.#hasLeft = true;
    const name = { id, client: parts.client, peer: this.peer };
    this.#upstream = new OutgoingRun(parts, this.path, name, bytes.length, (nowMs) =>
      this.#onUpstreamDone(nowMs),
    );
    this.#upstream.push(bytes, true);
  }

  #onUpstreamDone(nowMs: number): void {
    // The whole of it is there: that is as good as the word that it runs.
    this.#leavePlace();
    this.#progress.onPending(0, nowMs);
    this.#aim();
  }

  #stamp(nowMs: number): void {
    const { client, codec } = this.owner.parts;
    const { attempts, deadlineMs } = this.#progress;
    codec.restamp(this.message.bytes, {
      client,
      attempt: attempts,
      ageMs: attempts > 1 ? Math.max(1, this.#progress.ageMs(nowMs)) : 0,
      patienceMs: deadlineMs - nowMs,
      epoch: this.#epoch,
      eventId: this.message.isEvent ? this.message.id : undefined,
    });
  }

  #take(packet: ReplyPacket, nowMs: number): void {
    this.#leavePlace();
    this.#heardMs = nowMs;
    this.values++;
    const isFinal = isLast(packet);
    if (isFinal) this.#end();
    else {
      this.#progress.onAnswered();
      this.#valueDeadlineMs = nowMs + this.times.streamTimeoutMs;
      this.#aim();
    }
    this.answer.reply(packet);
  }

  #onStreamDue(nowMs: number): void {
    const deadlineMs = this.values === 0 ? this.#progress.deadlineMs : this.#valueDeadlineMs;
    if (nowMs >= deadlineMs || this.#isSilent(nowMs)) return this.#timeOut();
    if (nowMs >= this.#nextProbeMs) {
      this.#probedMs = nowMs;
      this.owner.parts.counts.probes++;
      this.#downstream?.acknowledge(true);
    }
    this.#aim();
  }

  /** Streams of peers without the exchange cannot be asked for a sign of life. */
  #isSilent(nowMs: number): boolean {
    return this.#downstream !== undefined && nowMs - this.#heardMs >= SILENCE_MS;
  }

  get #nextProbeMs(): number {
    return Math.max(this.#heardMs, this.#probedMs) + STREAM_PROBE_MS;
  }

  #timeOut(): void {
    const { timeoutMs, streamTimeoutMs } = this.times;
    const { attempts, isHeld, isAnswered, isRefused } = this.#progress;
    if (isHeld || isAnswered) this.owner.cancel(this);
    this.owner.countTimeout();
    if (isRefused) return this.fail(new PeerBusyError(this.peer, this.#retryAfterMs, attempts));
    const isKnown = isHeld || isAnswered;
    const phase = this.values > 0 ? 'stream' : attempts === 0 ? 'line' : isKnown ? 'running' : 'silent';
    const waitedMs = this.values > 0 ? streamTimeoutMs : timeoutMs;
    this.fail(new RequestTimeoutError(this.peer, waitedMs, this.values, attempts, phase));
  }

  #errorOf(reason: GoneReason): Error {
    switch (reason) {
      case 'outcome-unknown':
        return new OutcomeUnknownError(this.peer);
      case 'lease':
        return new StreamLostError(this.peer, this.values);
      default:
        return new PeerRefusedError(this.peer, reason, REASONS[reason]);
    }
  }

  #hear(epoch: number, nowMs: number): void {
    this.#learn(epoch);
    this.#heardMs = nowMs;
    if (this.#upstream === undefined || this.#upstream.isOver) this.#leavePlace();
  }

  #learn(epoch: number): void {
    this.path.learnEpoch(epoch);
    if (this.#epoch === 0) this.#epoch = this.path.firstEpoch;
  }

  #leavePlace(): void {
    if (!this.#hasPlace) return;
    this.#hasPlace = false;
    this.path.leave();
  }

  #closeUpstream(nowMs: number): void {
    this.#upstream?.close(nowMs);
  }

  #end(): void {
    const nowMs = this.owner.parts.scheduler.now();
    this.#isOver = true;
    this.owner.parts.deadlines.cancel(this);
    this.#closeUpstream(nowMs);
    this.#downstream?.close();
    this.owner.onOver(this);
    this.#leavePlace();
    this.path.release(nowMs);
  }

  #aim(): void {
    if (this.#isOver) return;
    this.owner.parts.deadlines.aim(
      this,
      this.#progress.isAnswered ? this.#nextStreamMs : this.#progress.nextMs,
    );
  }

  get #nextStreamMs(): number {
    const deadlineMs = this.values === 0 ? this.#progress.deadlineMs : this.#valueDeadlineMs;
    if (this.#downstream === undefined) return deadlineMs;
    return Math.min(deadlineMs, this.#nextProbeMs, this.#heardMs + SILENCE_MS);
  }
}

const REASONS = {
  'too-large': 'the message is larger than it takes',
  overflow: 'too much of other messages is there in part',
  closing: 'the service is closing',
  'no-handler': 'no handler takes it',
  failed: 'its segments contradict each other',
} as const;

const STREAM_PROBE_MS = 5000;

// Six probes without an answer.
const SILENCE_MS = 30_000;
