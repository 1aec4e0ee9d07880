import {
  FRAME_MARK,
  FRAME_VERSION,
  CODES,
  ASKING,
  GONE_REASONS,
  FLAGS_AT,
  ID_AT,
  EPOCH_AT,
  CLIENT_AT,
  HEAD_BYTES,
  ASKING_HEAD_BYTES,
  FIRST,
  LAST,
  END,
  WANTS_ACK,
  WANTS_ANSWER,
  REFUSAL,
  TOKEN_BYTES,
  MAX_BITMAP_BYTES,
  encodeHead,
  headBytesOf,
} from './frame-layout.js';
import { FrameReader, truncated } from './frame-reader.js';
import type { Frame, FrameHead, SegmentFrame } from './frame.js';
import { MalformedDatagramError } from './malformed-datagram.error.js';
import { SegmentEncoder } from './segment-encoder.js';

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

/** A frame that carries no piece of a message. */
type WordFrame = Exclude<Frame, SegmentFrame>;

function unknown(): MalformedDatagramError {
  return new MalformedDatagramError('unknown binary frame');
}
