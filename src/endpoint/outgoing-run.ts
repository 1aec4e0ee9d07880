import type { PeerAddress } from '../common/peer-address.js';
import { segmentOverhead } from '../codec/frame-layout.js';
import { SegmentEncoder } from '../codec/segment-encoder.js';
import type { DeliveryRoom } from '../exchange/delivery-budget.js';
import type { Blocked, PeerPath } from '../exchange/peer-path.js';
import { SegmentSender } from '../exchange/segment-sender.js';
import type { Acknowledgement, MessageFate, Segment } from '../exchange/segment.js';
import type { LazyBytes } from './datagram-socket.js';
import { Timed } from './deadlines.js';
import { EndpointClosedError } from './endpoint.errors.js';
import type { ExchangeParts } from './exchange-parts.js';
import type { Passage } from './passage.js';
import type { Scheduler } from './scheduler.js';
import type { Fate } from './uplink.js';

/** Which run it is, as its frames say. */
export interface RunName {
  readonly id: string;
  /** Set where the asking side sends. */
  readonly client: string | undefined;
  readonly peer: PeerAddress;
}

/** How its segments leave. */
export interface RunWay extends RunName {
  readonly passage: Passage;
}

/** Messages on their way to one peer as a run of segments: a large one, or the values of a stream. */
export class OutgoingRun extends Timed implements Blocked {
  isInLine = false;
  readonly #sender: SegmentSender;
  readonly #encoder: SegmentEncoder;
  /** Of the asking side: when its first segment was sent first, and the life of the server that was known then. */
  #firstSentMs: number | undefined;
  #epoch = 0;
  #isOver = false;

  /**
   * @param onDone called once when all of the run has arrived, or the receiver wants nothing more of it
   * @param room of what it holds until then, when that is bounded together with other runs
   */
  constructor(
    private readonly parts: ExchangeParts,
    private readonly path: PeerPath,
    private readonly name: RunWay,
    bufferBytes: number,
    private readonly onDone: (nowMs: number) => void,
    room?: DeliveryRoom,
  ) {
    super();
    const segmentBytes = parts.endpoint.maxDatagramSize - segmentOverhead(name.client !== undefined, true);
    const isStranger = name.client !== undefined && !path.isAcquainted(parts.scheduler.now());
    // A server that does not know this address keeps nothing of the first flight: one segment asks it.
    const window = isStranger ? { initialWindow: 1 } : {};
    const limits = { segmentBytes, bufferBytes, ...window };
    this.#sender = new SegmentSender(path.rtt, path.congestion, limits, room);
    this.#encoder = new SegmentEncoder(name);
  }

  /** @returns false when too much waits to arrive already */
  push(message: Uint8Array, isEnd: boolean, fate?: MessageFate): boolean {
    if (this.#isOver || !this.#sender.push(message, isEnd, fate)) return false;
    this.#pump();
    return true;
  }

  acknowledge(acknowledgement: Acknowledgement, nowMs: number): void {
    if (this.#isOver) return;
    this.#sender.onAcknowledged(acknowledgement, nowMs);
    if (this.#sender.isDone) this.#finish(nowMs);
    else this.#pump();
    this.path.resumeBlocked();
  }

  sendOne(): 'sent' | 'blocked' | 'idle' {
    if (this.#isOver) return 'idle';
    const isSent = this.#sendNext(this.parts.scheduler.now());
    this.#aim();
    if (isSent) return 'sent';
    return this.#sender.isBlocked ? 'blocked' : 'idle';
  }

  /** The receiver's address has proved itself: what was kept back may leave. */
  resume(): void {
    if (this.#isOver) return;
    this.#sender.resume();
    this.#pump();
    this.path.resumeBlocked();
  }

  /** The receiver has taken nothing yet, and would take it now. */
  resend(): void {
    if (this.#isOver) return;
    this.#firstSentMs = undefined;
    this.#sender.resend();
    this.#pump();
    this.path.resumeBlocked();
  }

  onDue(nowMs: number): void {
    this.#sender.onTime(nowMs);
    this.#pump();
    this.path.resumeBlocked();
  }

  /** Sends no more. */
  close(nowMs: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.parts.deadlines.cancel(this);
    this.path.unblock(this);
    this.#sender.close(nowMs);
    this.path.resumeBlocked();
  }

  /** Nothing waits to arrive. */
  get isIdle(): boolean {
    return this.#sender.isIdle;
  }

  /** Each segment so far has left at least once. */
  get isAllSent(): boolean {
    return this.#sender.isAllHandedOut;
  }

  /** Whether a segment that waits in our own queue should still leave. */
  isWanted(segment: Segment): boolean {
    return !this.#isOver && this.#sender.isWanted(segment);
  }

  /** A segment has left, or will never. @param data its bytes, where they were made before it left */
  onSegmentFate(
    segment: Segment,
    data: Uint8Array | undefined,
    error: Error | undefined,
    nowMs: number,
  ): void {
    if (this.#isOver) return;
    if (data !== undefined) this.#encoder.left(data);
    if (error === undefined) this.#sender.onLeft(segment, nowMs);
    else if (error instanceof EndpointClosedError) return this.close(nowMs);
    else this.#sender.onDropped(segment, nowMs);
    this.#aim();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether a piece of its messages still waits in our own queue, and will be read there, although it is over. */
  get isStillQueued(): boolean {
    return this.#sender.isStillQueued;
  }

  #pump(): void {
    // Once for all that leaves now; not when an acknowledgement came, which may have waited since then.
    const nowMs = this.parts.scheduler.now();
    if (this.path.hasBlocked) {
      this.path.block(this);
      this.path.resumeBlocked();
    } else {
      while (this.#sendNext(nowMs));
      if (!this.#isOver && this.#sender.isBlocked) this.path.block(this);
    }
    this.#aim();
  }

  /** @returns false when no segment may leave now */
  #sendNext(nowMs: number): boolean {
    const segment = this.#sender.take(nowMs);
    if (segment !== undefined) this.#post(segment, nowMs);
    return segment !== undefined;
  }

  #post(segment: Segment, nowMs: number): void {
    const { parts, name, path } = this;
    parts.counts.segmentsSent++;
    if (segment.isCopy) parts.counts.segmentsRetransmitted++;
    const isAsking = name.client !== undefined;
    const firstSentMs = (this.#firstSentMs ??= nowMs);
    // What was sent before anything was known of the server may have reached any life of it.
    if (this.#epoch === 0) this.#epoch = segment.isCopy ? path.firstEpoch : path.epoch;
    const ageMs = isAsking && segment.isCopy ? Math.ceil(nowMs - firstSentMs) : 0;
    const epoch = isAsking ? this.#epoch : parts.epoch;
    const outgoing = new OutgoingSegment(this, segment, this.#encoder, epoch, ageMs, parts.scheduler);
    const data = parts.endpoint.wantsLazyBytes ? outgoing : outgoing.toBytes();
    if (isAsking) parts.endpoint.post(data, name.peer, outgoing, name.passage);
    else parts.endpoint.answer(data, name.peer, outgoing, name.passage);
  }

  #finish(nowMs: number): void {
    this.close(nowMs);
    this.onDone(nowMs);
  }

  #aim(): void {
    if (this.#isOver) return;
    const { nextMs } = this.#sender;
    // One that rings too early looks and aims anew: each segment that leaves would move it otherwise.
    if (nextMs < this.dueMs) this.parts.deadlines.aim(this, nextMs);
  }
}

/** A segment on its way through our own queue. */
class OutgoingSegment implements Fate, LazyBytes {
  readonly length: number;
  #data: Uint8Array | undefined;

  constructor(
    private readonly run: OutgoingRun,
    private readonly segment: Segment,
    private readonly encoder: SegmentEncoder,
    private readonly epoch: number,
    private readonly ageMs: number,
    private readonly clock: Pick<Scheduler, 'now'>,
  ) {
    this.length = encoder.bytesOf(segment);
  }

  writeTo(target: Buffer, at: number): void {
    this.encoder.writeTo(target, at, this.segment, this.epoch, this.ageMs);
  }

  toBytes(): Uint8Array {
    return (this.#data ??= this.encoder.encode(this.segment, this.epoch, this.ageMs));
  }

  leaving(): boolean {
    return this.run.isWanted(this.segment);
  }

  left(nowMs: number): void {
    this.run.onSegmentFate(this.segment, this.#data, undefined, nowMs);
  }

  dropped(error: Error): void {
    this.run.onSegmentFate(this.segment, this.#data, error, this.clock.now());
  }
}
