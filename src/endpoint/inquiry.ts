import type { GoneReason, SegmentFrame } from '../codec/frame.js';
import type { ReplyPacket } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { AskedRequest } from '../exchange/asked-requests.js';
import type { PeerPath, Waiting } from '../exchange/peer-path.js';
import { RequestProgress } from '../exchange/request-progress.js';
import { StreamWatch } from '../exchange/stream-watch.js';
import { isLast, type Answer, type RequestTimes } from './asking.js';
import { Timed } from './deadlines.js';
import {
  DatagramDroppedError,
  EndpointClosedError,
  MessageTooLargeError,
  NobodyWaitsError,
  PeerRefusedError,
  TooManyRequestsError,
} from './endpoint.errors.js';
import type { ExchangeParts } from './exchange-parts.js';
import { IncomingRun, type RunSink } from './incoming-run.js';
import { goneError, lateError } from './inquiry-errors.js';
import { OutgoingRun } from './outgoing-run.js';
import type { Passage } from './passage.js';
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
  /** Proves our address to the peer. */
  prove(inquiry: Inquiry): void;
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
  /** How it leaves, each time. */
  readonly passage: Passage;
}

/**
 * A request or a confirmable event of ours over the exchange, from the call to the last reply: it waits for its
 * place, is sent and sent again, gathers what comes, and ends exactly once.
 */
export class Inquiry extends Timed implements Fate, Waiting, RunSink, AskedRequest {
  /** Among all inquiries. */
  slot = -1;
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
  /** There was no upstream before that one. */
  #isSentOnce = false;
  #downstream: IncomingRun | undefined;
  /** How often the peer has taken nothing before our address was proven. */
  #refusals = 0;
  /** Made when there is something to watch: most are answered with one word. */
  #watch: StreamWatch | undefined;

  constructor(
    private readonly owner: InquiryOwner,
    readonly message: InquiryMessage,
    readonly peer: PeerAddress,
    readonly path: PeerPath,
    private readonly times: RequestTimes,
    private readonly answer: Answer,
    nowMs: number,
  ) {
    super();
    const deadlineMs = (times.sinceMs ?? nowMs) + times.timeoutMs;
    this.#progress = new RequestProgress(path.rtt, deadlineMs, owner.parts.random);
  }

  get id(): string {
    return this.message.id;
  }

  /** Gets in line. */
  start(nowMs: number): void {
    // When its answer could be missing at the soonest: few are moved again before theirs is here.
    const { deadlineMs } = this.#progress;
    this.owner.parts.deadlines.aim(this, Math.min(deadlineMs, nowMs + this.path.rtt.timeoutMs));
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
    // As lost on the network: it is asked again when the time has come.
    if (error instanceof DatagramDroppedError) return this.left(this.#nowMs);
    // Later copies have time: what had no room now may have some when the timer runs out again.
    if (this.#progress.attempts > 1 && !(error instanceof EndpointClosedError)) {
      return this.left(this.#nowMs);
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

  /** The peer wants proof of our address. @param isRefusal it has not taken the question */
  onChallenge(epoch: number, token: Uint8Array, isRefusal: boolean, nowMs: number): void {
    this.#learn(epoch);
    this.path.token = token;
    this.owner.prove(this);
    if (!isRefusal || this.#refusals >= MAX_REFUSALS) return;
    this.#refusals++;
    if (this.#upstream?.isOver === false) return this.#upstream.resend();
    this.#progress.onNotTaken(nowMs);
    this.onDue(nowMs);
  }

  onGone(reason: GoneReason): void {
    this.fail(goneError(reason, this.peer, this.values));
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
    this.#end(this.#nowMs);
    if (this.#hasLeft && !this.message.isEvent) this.owner.cancel(this);
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#end(this.#nowMs);
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
    if (this.path.token !== undefined && this.path.isProofDue(parts.scheduler.now())) this.owner.prove(this);
    this.#progress.onQueued();
    // What was sent before anything was known of the server may have reached any life of it.
    if (this.#epoch === 0) this.#epoch = this.#hasLeft ? this.path.firstEpoch : this.path.epoch;
    const { bytes, id, passage } = this.message;
    if (bytes.length <= parts.endpoint.maxDatagramSize) {
      parts.endpoint.post(bytes, this.peer, this, passage);
      return;
    }
    this.#stamp(parts.scheduler.now());
    this.#hasLeft = true;
    const name = { id, client: parts.client, peer: this.peer, passage };
    this.#isSentOnce = this.#upstream === undefined;
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
      ageMs: this.#progress.ageMs(nowMs),
      patienceMs: deadlineMs - nowMs,
      epoch: this.#epoch,
      eventId: this.message.isEvent ? this.message.id : undefined,
    });
  }

  #take(packet: ReplyPacket, nowMs: number): void {
    this.#leavePlace();
    this.values++;
    const isFinal = isLast(packet);
    if (isFinal) this.#end(nowMs);
    else {
      this.#progress.onAnswered();
      this.#silence.onValue(nowMs, this.times.streamTimeoutMs);
      this.#aim();
    }
    this.answer.reply(packet);
  }

  #onStreamDue(nowMs: number): void {
    switch (this.#silence.step(nowMs)) {
      case 'fail':
        return this.#timeOut();
      case 'probe':
        this.owner.parts.counts.probes++;
        this.#downstream?.acknowledge(true);
    }
    this.#aim();
  }

  #timeOut(): void {
    if (this.#progress.isHeld || this.#progress.isAnswered) this.owner.cancel(this);
    this.owner.countTimeout();
    this.fail(lateError(this.#progress, this.peer, this.times, this.values, this.#retryAfterMs));
  }

  #hear(epoch: number, nowMs: number): void {
    this.#learn(epoch);
    this.#silence.onHeard(nowMs);
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

  #end(nowMs: number): void {
    this.#isOver = true;
    this.owner.parts.deadlines.cancel(this);
    this.#closeUpstream(nowMs);
    // Not before, although it has arrived: a server that begins a new life is sent it again.
    if (this.#isSentOnce && this.#upstream?.isStillQueued === false) {
      this.owner.parts.memory.giveBack(this.message.bytes);
    }
    this.#downstream?.close();
    this.owner.onOver(this);
    this.#leavePlace();
    this.path.release(nowMs);
  }

  #aim(): void {
    if (this.#isOver) return;
    const { nextMs } = this.#progress.isAnswered ? this.#silence : this.#progress;
    // One that rings too early looks and aims anew: most are over before that, and to move them all costs more.
    if (nextMs < this.dueMs) this.owner.parts.deadlines.aim(this, nextMs);
  }

  get #silence(): StreamWatch {
    this.#watch ??= new StreamWatch(this.#progress.deadlineMs);
    return this.#watch;
  }

  get #nowMs(): number {
    return this.owner.parts.scheduler.now();
  }
}

// A server that never takes what it asks to be sent again must not make us send without end.
const MAX_REFUSALS = 3;
