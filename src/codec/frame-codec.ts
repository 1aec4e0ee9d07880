import type { Frame, FrameHead, GoneReason, SegmentBody, SegmentFrame } from './frame.js';
import { MalformedDatagramError } from './malformed-datagram.error.js';

/** Whether bytes are a binary frame, of whatever version. */
export function isFrame(datagram: Uint8Array): boolean {
  return datagram[0] === FRAME_MARK;
}

/**
 * Reads one frame. Its payload and bitmap are views of the datagram.
 *
 * @throws {MalformedDatagramError} too short, or of a version or kind that is not known here
 */
export function decodeFrame(datagram: Uint8Array): Frame {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  if (bytes[0] !== FRAME_MARK || bytes[1] !== FRAME_VERSION) throw unknown();
  const code = bytes[2] ?? 0;
  const isAsking = (code & ASKING) !== 0;
  const headBytes = isAsking ? ASKING_HEAD_BYTES : HEAD_BYTES;
  if (bytes.length < headBytes) throw truncated();
  const reader = new FrameReader(bytes, headBytes);
  const head: FrameHead = {
    id: bytes.toString('hex', ID_AT, EPOCH_AT),
    epoch: bytes.readUInt32BE(EPOCH_AT),
    client: isAsking ? bytes.toString('hex', CLIENT_AT, ASKING_HEAD_BYTES) : undefined,
  };
  const frame = decodeBody(code, bytes[FLAGS_AT] ?? 0, head, reader);
  if (frame === undefined) throw unknown();
  return frame;
}

/** @returns a new array of exactly the frame's bytes */
export function encodeFrame(frame: Frame): Uint8Array {
  if (frame.kind === 'segment') return new SegmentEncoder(frame).encode(frame, frame.epoch, frame.ageMs);
  const headBytes = headBytesOf(frame);
  const bytes = Buffer.allocUnsafe(headBytes + bodyBytes(frame));
  encodeHead(frame.kind, frame, bytes);
  bytes[FLAGS_AT] = flagsOf(frame);
  bytes.writeUInt32BE(frame.epoch, EPOCH_AT);
  encodeBody(frame, bytes, headBytes);
  return bytes;
}

/**
 * Writes the segments of one run, as {@link encodeFrame} does: what all of them begin with, once. A large message has
 * hundreds, and ids are hexadecimal.
 */
export class SegmentEncoder {
  readonly #head: Buffer;
  /** Room for more of the message that is being written, and how many pieces of it are still to come. */
  #room = NO_ROOM;
  #used = 0;
  #pieces = 0;
  #nextSeq = 0;

  constructor(run: Pick<FrameHead, 'id' | 'client'>) {
    this.#head = Buffer.alloc(headBytesOf(run));
    encodeHead('segment', run, this.#head);
  }

  /**
   * @param ageMs of the asking side
   * @returns exactly the frame's bytes, which nobody else writes to
   */
  encode(segment: SegmentBody, epoch: number, ageMs: number): Uint8Array {
    const { seq, messageBytes, payload } = segment;
    const head = this.#head;
    const isAsking = head.length > HEAD_BYTES;
    const overhead = segmentOverhead(isAsking, messageBytes !== undefined);
    const bytes = this.#allocate(segment, overhead + payload.length);
    bytes.set(head);
    bytes[FLAGS_AT] = flagsOfSegment(segment);
    bytes.writeUInt32BE(epoch, EPOCH_AT);
    let at = head.length;
    if (isAsking) at = bytes.writeUInt32BE(Math.min(Math.max(0, ageMs), 0xffffffff), at);
    at = bytes.writeUInt32BE(seq, at);
    if (messageBytes !== undefined) at = bytes.writeUInt32BE(messageBytes, at);
    bytes.set(payload, at);
    return bytes;
  }

  /**
   * For many pieces of a message at a time: Node's own pool holds six of them, and what it costs to get it anew so
   * often is a tenth of a large message. Of one message, so that a piece which waits for long keeps no others' room, and
   * none is kept between messages.
   */
  #allocate({ seq, messageBytes, payload }: SegmentBody, bytes: number): Buffer {
    const isCopy = seq < this.#nextSeq;
    if (isCopy) return Buffer.allocUnsafe(bytes);
    this.#nextSeq = seq + 1;
    if (messageBytes !== undefined) this.#pieces = Math.ceil(messageBytes / payload.length);
    if (this.#used + bytes > this.#room.length) {
      if (!(this.#pieces > 1)) return Buffer.allocUnsafe(bytes);
      this.#room = Buffer.allocUnsafeSlow(Math.min(this.#pieces, PIECES_AT_ONCE) * bytes);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    const own = this.#room.subarray(at, this.#used);
    if (--this.#pieces <= 0) this.#room = NO_ROOM;
    return own;
  }
}

/** All but flags and life, which are different in frames of one run. */
function encodeHead(
  kind: Frame['kind'],
  { id, client }: Pick<FrameHead, 'id' | 'client'>,
  bytes: Buffer,
): void {
  const isAsking = client !== undefined;
  bytes[0] = FRAME_MARK;
  bytes[1] = FRAME_VERSION;
  bytes[2] = CODES[kind] | (isAsking ? ASKING : 0);
  bytes.write(id, ID_AT, 'hex');
  if (isAsking) bytes.write(client, CLIENT_AT, 'hex');
}

function headBytesOf({ client }: Pick<FrameHead, 'client'>): number {
  return client === undefined ? HEAD_BYTES : ASKING_HEAD_BYTES;
}

/** Bytes of a segment frame beside its payload. */
export function segmentOverhead(isAsking: boolean, isFirst: boolean): number {
  const ofSide = isAsking ? ASKING_HEAD_BYTES + AGE_BYTES : HEAD_BYTES;
  return ofSide + SEQ_BYTES + (isFirst ? LENGTH_BYTES : 0);
}

function decodeBody(code: number, flags: number, head: FrameHead, reader: FrameReader): Frame | undefined {
  switch (code) {
    case CODES.pending:
      return { kind: 'pending', ...head, waitMs: reader.uint32() };
    case CODES.busy:
      return { kind: 'busy', ...head, retryAfterMs: reader.uint32() };
    case CODES.gone: {
      const reason = GONE_REASONS[reader.uint8() - 1];
      return reason === undefined ? undefined : { kind: 'gone', ...head, reason };
    }
    case CODES.challenge:
      return {
        kind: 'challenge',
        ...head,
        token: reader.bytesOf(TOKEN_BYTES),
        isRefusal: (flags & REFUSAL) !== 0,
      };
    case CODES.received:
      return { kind: 'received', ...head };
    case CODES.cancelled:
      return { kind: 'cancelled', ...head };
    case CODES.cancel | ASKING:
      return { kind: 'cancel', ...head, client: head.client ?? '' };
    case CODES.probe | ASKING:
      return { kind: 'probe', ...head, client: head.client ?? '' };
    case CODES.proof | ASKING:
      return { kind: 'proof', ...head, client: head.client ?? '', token: reader.bytesOf(TOKEN_BYTES) };
    case CODES.ack:
    case CODES.ack | ASKING:
      return {
        kind: 'ack',
        ...head,
        next: reader.uint32(),
        window: reader.uint16(),
        bitmap: reader.rest(MAX_BITMAP_BYTES),
        wantsAnswer: (flags & WANTS_ANSWER) !== 0,
      };
    case CODES.segment:
    case CODES.segment | ASKING:
      return {
        kind: 'segment',
        ...head,
        ageMs: head.client === undefined ? 0 : reader.uint32(),
        seq: reader.uint32(),
        messageBytes: (flags & FIRST) === 0 ? undefined : reader.uint32(),
        isLast: (flags & LAST) !== 0,
        isEnd: (flags & END) !== 0,
        wantsAck: (flags & WANTS_ACK) !== 0,
        payload: reader.rest(Infinity),
      };
    default:
      return undefined;
  }
}

function bodyBytes(frame: WordFrame): number {
  switch (frame.kind) {
    case 'pending':
    case 'busy':
      return 4;
    case 'gone':
      return 1;
    case 'challenge':
    case 'proof':
      return TOKEN_BYTES;
    case 'ack':
      return 6 + frame.bitmap.length;
    default:
      return 0;
  }
}

function encodeBody(frame: WordFrame, bytes: Buffer, at: number): void {
  switch (frame.kind) {
    case 'pending':
      bytes.writeUInt32BE(frame.waitMs, at);
      break;
    case 'busy':
      bytes.writeUInt32BE(frame.retryAfterMs, at);
      break;
    case 'gone':
      bytes[at] = GONE_REASONS.indexOf(frame.reason) + 1;
      break;
    case 'challenge':
    case 'proof':
      bytes.set(frame.token, at);
      break;
    case 'ack':
      bytes.writeUInt32BE(frame.next, at);
      bytes.writeUInt16BE(frame.window, at + 4);
      bytes.set(frame.bitmap, at + 6);
  }
}

function flagsOf(frame: WordFrame): number {
  if (frame.kind === 'challenge') return frame.isRefusal ? REFUSAL : 0;
  return frame.kind === 'ack' && frame.wantsAnswer ? WANTS_ANSWER : 0;
}

function flagsOfSegment({ messageBytes, isLast, isEnd, wantsAck }: SegmentBody): number {
  return (
    (messageBytes === undefined ? 0 : FIRST) |
    (isLast ? LAST : 0) |
    (isEnd ? END : 0) |
    (wantsAck ? WANTS_ACK : 0)
  );
}

/** A frame that carries no piece of a message. */
type WordFrame = Exclude<Frame, SegmentFrame>;

/** Reads numbers one after the other, and throws where the bytes end. */
class FrameReader {
  constructor(
    private readonly bytes: Buffer,
    private offset: number,
  ) {}

  uint8(): number {
    return this.bytes.readUInt8(this.#step(1));
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.#step(2));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#step(4));
  }

  /** A view of so many bytes. */
  bytesOf(bytes: number): Uint8Array {
    const at = this.#step(bytes);
    return this.bytes.subarray(at, at + bytes);
  }

  /** A view of what is left. */
  rest(maxBytes: number): Uint8Array {
    if (this.bytes.length - this.offset > maxBytes) throw truncated();
    return this.bytes.subarray(this.offset);
  }

  #step(bytes: number): number {
    const at = this.offset;
    if (at + bytes > this.bytes.length) throw truncated();
    this.offset += bytes;
    return at;
  }
}

function unknown(): MalformedDatagramError {
  return new MalformedDatagramError('unknown binary frame');
}

function truncated(): MalformedDatagramError {
  return new MalformedDatagramError('binary frame of a wrong length');
}

// Valid as the first byte of neither UTF-8 (RFC 3629 section 3) nor MessagePack.
const FRAME_MARK = 0xc1;

const FRAME_VERSION = 1;

const CODES = {
  pending: 1,
  busy: 2,
  gone: 3,
  challenge: 4,
  received: 5,
  cancelled: 6,
  ack: 7,
  segment: 8,
  cancel: 9,
  probe: 10,
  proof: 11,
} as const;

/** Set in the code of frames that the asking side sends. */
const ASKING = 0x40;

const GONE_REASONS: readonly GoneReason[] = [
  'outcome-unknown',
  'lease',
  'too-large',
  'overflow',
  'closing',
  'no-handler',
  'failed',
];

const NO_ROOM = Buffer.alloc(0);

const PIECES_AT_ONCE = 32;

const FLAGS_AT = 3;

const ID_AT = 4;

const EPOCH_AT = 12;

const CLIENT_AT = 16;

const HEAD_BYTES = 16;

const ASKING_HEAD_BYTES = 24;

const AGE_BYTES = 4;

const SEQ_BYTES = 4;

const LENGTH_BYTES = 4;

const FIRST = 1;

const LAST = 2;

const END = 4;

const WANTS_ACK = 8;

const WANTS_ANSWER = 1;

const REFUSAL = 1;

const TOKEN_BYTES = 16;

// 256 segments: with it an acknowledgement is 62 bytes long at the most.
const MAX_BITMAP_BYTES = 32;
