import { keptBytes } from '../common/kept-bytes.js';
import type { PeerPath } from './peer-path.js';
import type { ReassemblyBudget } from './reassembly-budget.js';
import { WHOLE_RUN, type Acknowledgement } from './segment.js';

/** A segment as it arrived. */
export interface ReceivedSegment {
  readonly seq: number;
  readonly payload: Uint8Array;
  readonly messageBytes: number | undefined;
  readonly isLast: boolean;
  readonly isEnd: boolean;
  readonly wantsAck: boolean;
}

/**
 * What a segment did:
 * - `new`: it was taken; messages may have become complete;
 * - `repeated`: it was here already;
 * - `refused`: there is no room for it now;
 * - `too-large`: its message is larger than messages may be, the run cannot go on;
 * - `broken`: it contradicts others of its run.
 */
export type Arrival = 'new' | 'repeated' | 'refused' | 'too-large' | 'broken';

/** When an acknowledgement is due: at once, with the next segment or a little later, or not at all. */
export type AckDue = 'now' | 'soon' | 'none';

/**
 * Puts a run of segments in order and makes messages of them, within a bound of bytes.
 *
 * Pure: `receive` says what a segment did, `shift` gives the messages that are complete, `acknowledgement`
 * what the sender should be told, `ackDue` how soon.
 */
export class SegmentReceiver {
  /** Segments that came before one that is missing. */
  readonly #ahead = new Map<number, ReceivedSegment>();
  #nextSeq = 0;
  #endSeq = WHOLE_RUN;
  /** The message that is being put together: room for what is here of it, and as much again at the most. */
  #message = EMPTY;
  #messageBytes = 0;
  #missingBytes = 0;
  /** Pieces that it is made of so far. */
  #pieces = 0;
  #isInside = false;
  #ready: Uint8Array[] = [];
  #heldBytes = 0;
  #unacknowledged = 0;
  #ackDue: AckDue = 'none';

  constructor(
    private readonly budget: ReassemblyBudget,
    private readonly path: PeerPath,
  ) {}

  receive(segment: ReceivedSegment): Arrival {
    const { seq, messageBytes } = segment;
    if (seq < this.#nextSeq || this.#ahead.has(seq)) {
      // Its sender has not heard that it is here.
      this.#ackDue = 'now';
      return 'repeated';
    }
    if (seq >= this.#nextSeq + WINDOW || seq > this.#endSeq) {
      this.#ackDue = 'now';
      return seq > this.#endSeq ? 'broken' : 'refused';
    }
    if (messageBytes !== undefined && messageBytes > this.budget.limits.maxMessageBytes) return 'too-large';
    if (seq === this.#nextSeq) return this.#takeInOrder(segment);
    return this.#takeAhead(segment);
  }

  /** The next complete message. */
  shift(): Uint8Array | undefined {
    return this.#ready.shift();
  }

  /** Whether {@link shift} has something. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** What the sender should know; to be told when {@link ackDue} says so. */
  acknowledgement(): Acknowledgement {
    this.#ackDue = 'none';
    this.#unacknowledged = 0;
    if (this.isDone) return { next: WHOLE_RUN, window: 0, bitmap: EMPTY };
    return { next: this.#nextSeq, window: WINDOW, bitmap: this.#bitmap() };
  }

  get ackDue(): AckDue {
    return this.#ackDue;
  }

  /** Every segment of the run is here. */
  get isDone(): boolean {
    return this.#nextSeq > this.#endSeq;
  }

  /** Bytes that incomplete messages hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a message has begun that is not complete. */
  get isInside(): boolean {
    return this.#isInside || this.#ahead.size > 0;
  }

  /** Gives all room back. */
  close(): void {
    this.#ahead.clear();
    this.#message = EMPTY;
    this.#ready = [];
    this.#release(this.#heldBytes);
  }

  #takeInOrder(segment: ReceivedSegment): Arrival {
    // A message of one segment passes through without waiting: it needs no room.
    const isWhole = segment.messageBytes !== undefined && segment.isLast;
    if (!isWhole && !this.#hold(costOf(segment))) return 'refused';
    let problem = this.#append(segment);
    const hadGap = this.#ahead.size > 0;
    for (
      let next = this.#ahead.get(this.#nextSeq);
      next !== undefined;
      next = this.#ahead.get(this.#nextSeq)
    ) {
      this.#ahead.delete(next.seq);
      if (next.messageBytes !== undefined && next.isLast) this.#release(costOf(next));
      problem ??= this.#append(next);
    }
    if (problem !== undefined) return problem;
    this.#unacknowledged++;
    const isUrgent = hadGap || segment.wantsAck || this.isDone || this.#unacknowledged >= ACK_EVERY;
    this.#ackDue = isUrgent ? 'now' : this.#ackDue === 'now' ? 'now' : 'soon';
    return 'new';
  }

  #takeAhead(segment: ReceivedSegment): Arrival {
    // Beside a gap the sender must hear at once what came and what did not.
    this.#ackDue = 'now';
    if (!this.#hold(costOf(segment))) return 'refused';
    if (segment.isEnd) {
      if (this.#maxAhead > segment.seq) return 'broken';
      this.#endSeq = segment.seq;
    }
    this.#ahead.set(segment.seq, { ...segment, payload: keptBytes(segment.payload) });
    return 'new';
  }

  /** @returns `undefined` when all is well */
  #append({ seq, payload, messageBytes, isLast, isEnd }: ReceivedSegment): Arrival | undefined {
    if ((messageBytes !== undefined) === this.#isInside) return 'broken';
    if (isEnd && (!isLast || (this.#endSeq !== WHOLE_RUN && this.#endSeq !== seq))) return 'broken';
    this.#nextSeq = seq + 1;
    if (isEnd) this.#endSeq = seq;
    if (messageBytes !== undefined) {
      this.#messageBytes = messageBytes;
      this.#missingBytes = messageBytes;
      this.#isInside = true;
    }
    const at = this.#messageBytes - this.#missingBytes;
    this.#missingBytes -= payload.length;
    if (this.#missingBytes < 0 || isLast !== (this.#missingBytes === 0)) return 'broken';
    if (messageBytes !== undefined && isLast) {
      this.#isInside = false;
      this.#ready.push(payload);
      return undefined;
    }
    this.#put(payload, at);
    if (isLast) this.#complete();
    return undefined;
  }

  /** Copies a piece to where it belongs: what it came in may be a small part of memory that it would hold. */
  #put(payload: Uint8Array, at: number): void {
    const end = at + payload.length;
    if (end > this.#message.length) {
      const message = new Uint8Array(Math.min(this.#messageBytes, 2 * end));
      message.set(this.#message.subarray(0, at));
      this.#message = message;
    }
    this.#message.set(payload, at);
    this.#pieces++;
  }

  #complete(): void {
    this.#release(this.#messageBytes + this.#pieces * SEGMENT_COST_BYTES);
    this.#ready.push(this.#message);
    this.#message = EMPTY;
    this.#pieces = 0;
    this.#isInside = false;
  }

  #bitmap(): Uint8Array {
    if (this.#ahead.size === 0) return EMPTY;
    const bitmap = new Uint8Array(((this.#maxAhead - this.#nextSeq - 1) >> 3) + 1);
    for (const seq of this.#ahead.keys()) {
      const bit = seq - this.#nextSeq - 1;
      bitmap[bit >> 3]! |= 1 << (bit & 7);
    }
    return bitmap;
  }

  get #maxAhead(): number {
    let max = -1;
    for (const seq of this.#ahead.keys()) if (seq > max) max = seq;
    return max;
  }

  #hold(bytes: number): boolean {
    if (!this.budget.tryTake(this.path, bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  #release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.budget.giveBack(this.path, bytes);
  }
}

/** What a segment takes of the budget while it waits. */
function costOf({ payload }: ReceivedSegment): number {
  return payload.length + SEGMENT_COST_BYTES;
}

// Beside its bytes: without it, empty segments would be free.
const SEGMENT_COST_BYTES = 128;

const EMPTY = new Uint8Array(0);

// As many segments as a bitmap of 32 bytes tells of, and one.
const WINDOW = 256;

// RFC 9000 section 13.2.2: after two segments, so that a sender whose window holds only two goes on.
const ACK_EVERY = 2;
