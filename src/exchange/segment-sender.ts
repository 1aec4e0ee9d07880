import { Fifo } from '../common/fifo.js';
import type { CongestionWindow } from './congestion-window.js';
import type { DeliveryRoom } from './delivery-budget.js';
import { HeldMessages, type HeldMessage } from './held-messages.js';
import { MessageCutter, type Piece } from './message-cutter.js';
import type { RttEstimator } from './rtt-estimator.js';
import { WHOLE_RUN, type Acknowledgement, type MessageFate, type Segment } from './segment.js';

export interface SegmentSenderLimits {
  /** Bytes of payload in one segment. */
  readonly segmentBytes: number;
  /** Bytes of messages that may wait for acknowledgement; a message is always taken when nothing else waits. */
  readonly bufferBytes: number;
  /** Segments that may leave before the receiver has said how many. @default 32 */
  readonly initialWindow?: number;
}

/**
 * Sends a numbered run of segments over a network that loses, repeats and reorders: messages in, segments out.
 *
 * What is missing is found by later segments that arrived (RFC 9002 section 6.1: three of them, or 9/8 of a
 * round trip), what is missing at the end by a time-out that doubles (section 6.2). Segments leave within the
 * congestion window of the path and the window that the receiver advertises.
 *
 * Pure: `take` what may leave, tell `onLeft` or `onDropped` of each, give it acknowledgements, and call
 * `onTime` when `nextMs` has come.
 */
export class SegmentSender {
  readonly #cutter: MessageCutter;
  /** By number, from `#originSeq` on; `undefined` for those that are acknowledged. */
  #segments: (Outgoing | undefined)[] = [];
  /** Number of the first in `#segments`: behind `#baseSeq`, so that not every acknowledgement moves the array. */
  #originSeq = 0;
  /** Number of the first that is not acknowledged. */
  #baseSeq = 0;
  /** Number of the first that was never handed out. */
  #newSeq = 0;
  /** Number of the first of the next message. */
  #endSeq = 0;
  #windowEnd: number;
  readonly #missing = new Fifo<Outgoing>();
  #handOuts = 0;
  #largestAckedHandOut = 0;
  #bufferedBytes = 0;
  #bufferedSegments = 0;
  #lastLeftMs = 0;
  #timeouts = 0;
  #probes = 0;
  #lossMs = Infinity;
  #holdUntilMs = 0;
  #wasIdle = true;
  #isEnded = false;
  readonly #held: HeldMessages;

  constructor(
    private readonly rtt: RttEstimator,
    private readonly congestion: CongestionWindow,
    private readonly limits: SegmentSenderLimits,
    /** Shared with other runs; without it `bufferBytes` alone counts. */
    room?: DeliveryRoom,
  ) {
    this.#windowEnd = limits.initialWindow ?? INITIAL_WINDOW;
    this.#cutter = new MessageCutter(limits.segmentBytes);
    this.#held = new HeldMessages(room);
  }

  /**
   * Takes a message.
   *
   * @param message its bytes, 0 or more; must not change any more
   * @param isEnd nothing follows
   * @returns false when too much waits already: the message was not taken
   */
  push(message: Uint8Array, isEnd: boolean, fate?: MessageFate): boolean {
    const isInBuffer = this.isIdle || this.#cost + message.length <= this.limits.bufferBytes;
    // A full buffer must be able to say that it is full: a short end is always taken.
    const isShortEnd = isEnd && message.length <= SHORT_END_BYTES;
    const held = isShortEnd || !isInBuffer ? undefined : this.#hold(message);
    if (held === undefined && !isShortEnd) return false;
    this.#cutter.push(message, isEnd, fate, held);
    const segments = this.#cutter.piecesOf(message.length);
    this.#endSeq += segments;
    this.#bufferedSegments += segments;
    this.#bufferedBytes += message.length;
    this.#isEnded = isEnd;
    return true;
  }

  /** The next segment that may leave, counted as under way; `undefined` when none may. */
  take(nowMs: number): Segment | undefined {
    // What has waited for the window alone has waited from now on, not since the last segment long ago.
    if (this.#wasIdle) this.#lastLeftMs = Math.max(this.#lastLeftMs, nowMs);
    this.#wasIdle = this.isIdle;
    if (nowMs < this.#holdUntilMs) return undefined;
    if (this.#probes > 0) {
      this.#probes--;
      const tail = this.#tail();
      if (tail !== undefined) return this.#handOut(tail, nowMs, true);
    }
    const segment = this.#nextInTurn();
    if (segment === undefined || !this.congestion.hasRoomFor(segment.payload.length)) return undefined;
    if (segment.state === 'lost') this.#missing.shift();
    return this.#handOut(segment, nowMs, false);
  }

  /** A segment has left. */
  onLeft(segment: Segment, nowMs: number): void {
    const outgoing = segment as Outgoing;
    this.#lastLeftMs = nowMs;
    if (outgoing.state === 'queued') {
      outgoing.state = 'underWay';
      outgoing.leftMs = nowMs;
    }
    const { fate } = outgoing;
    outgoing.fate = undefined;
    fate?.left(nowMs);
  }

  /** Whether a segment that waits in our own queue should leave it: a copy may have arrived meanwhile. */
  isWanted(segment: Segment): boolean {
    return (segment as Outgoing).state === 'queued';
  }

  /** Our own queue or the kernel refused a segment: it waits a while, then tries again. */
  onDropped(segment: Segment, nowMs: number): void {
    const outgoing = segment as Outgoing;
    if (outgoing.state !== 'queued') return;
    this.#holdUntilMs = nowMs + this.rtt.timeoutMs;
    this.#markLost(outgoing);
    this.congestion.onGone(outgoing.payload.length);
  }

  /**
   * Takes an acknowledgement; one that is older than another changes nothing.
   *
   * @returns whether anything new has arrived
   */
  onAcknowledged({ next, window, bitmap }: Acknowledgement, nowMs: number): boolean {
    if (next > this.#newSeq && next !== WHOLE_RUN) return false;
    this.#windowEnd = Math.max(this.#windowEnd, next + window);
    const round: Round = { ackedBytes: 0, newest: undefined };
    const end = Math.min(next, this.#newSeq);
    for (let seq = this.#baseSeq; seq < end; seq++) this.#acknowledge(seq, round);
    for (let bit = 0; bit < 8 * bitmap.length; bit++) {
      if (((bitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0) this.#acknowledge(next + 1 + bit, round);
    }
    this.#advanceBase();
    const { newest } = round;
    if (newest !== undefined) this.#learn(newest, round.ackedBytes, nowMs);
    // The receiver has all, or wants nothing more.
    if (next === WHOLE_RUN) this.close(nowMs);
    return newest !== undefined;
  }

  /** Whatever kept segments from leaving is over. */
  resume(): void {
    this.#holdUntilMs = 0;
  }

  /** The receiver has kept nothing of what has left: all of it is sent again. */
  resend(): void {
    this.#holdUntilMs = 0;
    for (const segment of this.#segments) {
      if (segment?.state !== 'underWay') continue;
      this.#markLost(segment);
      this.congestion.onGone(segment.payload.length);
    }
  }

  /** The time of `nextMs` has come: finds losses, or allows one probe. */
  onTime(nowMs: number): void {
    if (nowMs >= this.#holdUntilMs) this.#holdUntilMs = 0;
    if (nowMs >= this.#lossMs) return this.#detectLosses(nowMs);
    if (nowMs < this.#timeoutAtMs) return;
    this.#timeouts++;
    this.#probes = 1;
    this.#lastLeftMs = nowMs;
    if (this.#timeouts === TIMEOUTS_OF_COLLAPSE) this.congestion.collapse();
  }

  /** When `onTime` should be called; `Infinity` for never. */
  get nextMs(): number {
    const holdMs = this.#holdUntilMs > 0 && !this.isIdle ? this.#holdUntilMs : Infinity;
    return Math.min(this.#lossMs, this.#timeoutAtMs, holdMs);
  }

  /** Gives up what is under way; the run is over. Messages that never left count as left: nobody waits on. */
  close(nowMs: number): void {
    const fates: MessageFate[] = [];
    for (const segment of this.#segments) {
      if (segment?.state === 'queued' || segment?.state === 'underWay') {
        this.congestion.onGone(segment.payload.length);
      }
      if (segment?.state === 'queued') this.#held.stillQueued(segment.held);
      if (segment?.fate !== undefined) fates.push(segment.fate);
    }
    fates.push(...this.#cutter.clear());
    this.#segments = [];
    this.#missing.clear();
    this.#bufferedBytes = 0;
    this.#bufferedSegments = 0;
    this.#lossMs = Infinity;
    this.#isEnded = true;
    this.#held.letGo(Infinity);
    this.#baseSeq = this.#newSeq;
    this.#originSeq = this.#newSeq;
    this.#endSeq = this.#newSeq;
    for (const fate of fates) fate.left(nowMs);
  }

  /** Whether there is something to send that only the congestion window holds back. */
  get isBlocked(): boolean {
    const segment = this.#nextInTurn();
    return segment !== undefined && !this.congestion.hasRoomFor(segment.payload.length);
  }

  /** Nothing waits for acknowledgement. */
  get isIdle(): boolean {
    return this.#bufferedSegments === 0;
  }

  /** The run has ended and all of it has arrived. */
  get isDone(): boolean {
    return this.#isEnded && this.isIdle;
  }

  /** Whether a piece still waits in our own queue, though its message has arrived or is given up. */
  get isStillQueued(): boolean {
    return this.#held.isStillQueued;
  }

  /** Bytes of messages that are not acknowledged yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Whether every segment so far was handed out at least once. */
  get isAllHandedOut(): boolean {
    return this.#newSeq === this.#endSeq;
  }

  /** @returns `undefined` when there is no room for a message */
  #hold(message: Uint8Array): HeldMessage | undefined {
    const segments = this.#cutter.piecesOf(message.length);
    const bytes = message.length + segments * SEGMENT_COST_BYTES;
    return this.#held.hold(message, this.#endSeq + segments - 1, bytes);
  }

  #handOut(segment: Outgoing, nowMs: number, isProbe: boolean): Outgoing {
    if (segment.state === 'new') this.#newSeq = segment.seq + 1;
    if (segment.state === 'new' || segment.state === 'lost') {
      this.congestion.onSent(segment.payload.length);
    }
    segment.isCopy = segment.copies++ > 0;
    segment.state = 'queued';
    segment.handOut = ++this.#handOuts;
    segment.handedMs = nowMs;
    const following = this.#nextInTurn();
    segment.wantsAck =
      isProbe ||
      segment.isEnd ||
      (following !== undefined && !this.congestion.hasRoomFor(following.payload.length));
    if (following === undefined && !this.isAllHandedOut) segment.wantsAck = true;
    return segment;
  }

  /** Lost ones first, then the next new one within the receiver's window. */
  #nextInTurn(): Outgoing | undefined {
    for (let lost = this.#missing.peek(); lost !== undefined; lost = this.#missing.peek()) {
      if (lost.state === 'lost') return lost;
      this.#missing.shift();
    }
    return this.#newSeq < this.#windowEnd ? this.#firstNew() : undefined;
  }

  /** The first that was never handed out. */
  #firstNew(): Outgoing | undefined {
    const segment = this.#segments[this.#newSeq - this.#originSeq];
    return segment ?? this.#cut();
  }

  #cut(): Outgoing | undefined {
    const piece = this.#cutter.cut();
    if (piece === undefined) return undefined;
    const { payload, messageBytes, isLast, isEnd, fate, held } = piece;
    // Written out: a copy by `...piece` that gets more fields is a sixth of what a large message costs.
    const segment: Outgoing = {
      payload,
      messageBytes,
      isLast,
      isEnd,
      fate,
      held,
      seq: this.#newSeq,
      wantsAck: false,
      state: 'new',
      handOut: 0,
      handedMs: 0,
      leftMs: NaN,
      copies: 0,
      isCopy: false,
    };
    this.#segments.push(segment);
    return segment;
  }

  /** What a probe carries: the first segment that is missing, or one more than the receiver's window allows. */
  #tail(): Outgoing | undefined {
    const first = this.#baseSeq === this.#newSeq ? this.#firstNew() : this.#first;
    // What waits in our own queue is not queued again.
    return first?.state === 'queued' ? undefined : first;
  }

  #acknowledge(seq: number, round: Round): void {
    const index = seq - this.#originSeq;
    const segment = index < 0 || seq >= this.#newSeq ? undefined : this.#segments[index];
    // Nobody can have what has never left (as RFC 9000 section 13.1 has it, where that is an error).
    if (segment === undefined || Number.isNaN(segment.leftMs)) return;
    this.#segments[index] = undefined;
    if (segment.state === 'queued') this.#held.stillQueued(segment.held);
    this.#bufferedBytes -= segment.payload.length;
    this.#bufferedSegments--;
    if (segment.state !== 'lost') round.ackedBytes += segment.payload.length;
    segment.state = 'acknowledged';
    if (round.newest === undefined || segment.handOut > round.newest.handOut) round.newest = segment;
  }

  /** Something has arrived: what that tells about the path. */
  #learn(newest: Outgoing, ackedBytes: number, nowMs: number): void {
    this.#timeouts = 0;
    // A segment that left more than once does not say which copy has arrived (Karn's rule).
    if (newest.copies === 1) this.rtt.sample(nowMs - newest.leftMs);
    this.#largestAckedHandOut = Math.max(this.#largestAckedHandOut, newest.handOut);
    this.congestion.onAcked(ackedBytes, newest.handedMs);
    this.#detectLosses(nowMs);
  }

  #advanceBase(): void {
    while (this.#baseSeq < this.#newSeq && this.#first === undefined) this.#baseSeq++;
    this.#held.letGo(this.#baseSeq);
    const passed = this.#baseSeq - this.#originSeq;
    if (passed < COMPACT_AT || 2 * passed < this.#segments.length) return;
    this.#segments = this.#segments.slice(passed);
    this.#originSeq = this.#baseSeq;
  }

  #detectLosses(nowMs: number): void {
    this.#lossMs = Infinity;
    const recentMs = this.rtt.recentMs ?? this.rtt.timeoutMs;
    const toleranceMs = Math.max(1, TIME_THRESHOLD * recentMs);
    for (let seq = this.#baseSeq; seq < this.#newSeq; seq++) {
      const segment = this.#segments[seq - this.#originSeq];
      if (segment?.state !== 'underWay' || segment.handOut > this.#largestAckedHandOut) continue;
      const lostAtMs = segment.leftMs + toleranceMs;
      if (segment.handOut <= this.#largestAckedHandOut - PACKET_THRESHOLD || lostAtMs <= nowMs) {
        this.#markLost(segment);
        this.congestion.onLost(segment.payload.length, segment.handedMs, nowMs);
      } else {
        this.#lossMs = Math.min(this.#lossMs, lostAtMs);
      }
    }
  }

  #markLost(segment: Outgoing): void {
    segment.state = 'lost';
    this.#missing.push(segment);
  }

  /** The first that is not acknowledged. */
  get #first(): Outgoing | undefined {
    return this.#segments[this.#baseSeq - this.#originSeq];
  }

  /** What the buffer holds, with what each segment takes beside its bytes. */
  get #cost(): number {
    return this.#bufferedBytes + this.#bufferedSegments * SEGMENT_COST_BYTES;
  }

  get #timeoutAtMs(): number {
    // Nothing left to be acknowledged; or all of it waits in our own queue, which will tell.
    if (this.isIdle || this.#first?.state === 'queued') return Infinity;
    return Math.max(this.#lastLeftMs, this.#holdUntilMs) + this.rtt.backedOffMs(this.#timeouts + 1);
  }
}

interface Outgoing extends Segment, Piece {
  state: 'new' | 'queued' | 'underWay' | 'lost' | 'acknowledged';
  /** Its place among all that was handed out; a segment that is sent again gets a new one. */
  handOut: number;
  handedMs: number;
  /** Not a number until it has left. */
  leftMs: number;
  copies: number;
  isCopy: boolean;
  fate: MessageFate | undefined;
}

/** What one acknowledgement brought. */
interface Round {
  ackedBytes: number;
  newest: Outgoing | undefined;
}

// What a receiver has room for before it has said so.
const INITIAL_WINDOW = 32;

const SHORT_END_BYTES = 512;

// Without it, a stream of tiny values would take many times the memory that it may.
const SEGMENT_COST_BYTES = 128;

const COMPACT_AT = 256;

const PACKET_THRESHOLD = 3;

const TIME_THRESHOLD = 9 / 8;

const TIMEOUTS_OF_COLLAPSE = 3;
