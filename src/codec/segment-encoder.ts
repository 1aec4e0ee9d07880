import {
  encodeHead,
  END,
  EPOCH_AT,
  FIRST,
  FLAGS_AT,
  HEAD_BYTES,
  headBytesOf,
  LAST,
  segmentOverhead,
  WANTS_ACK,
} from './frame-layout.js';
import type { FrameHead, SegmentBody } from './frame.js';

/**
 * Writes the segments of one run, as `encodeFrame` does: what all of them begin with, once. A large message has
 * hundreds, and ids are hexadecimal.
 */
export class SegmentEncoder {
  readonly #head: Buffer;
  /** Of the message that is being written: the last one has room for more. */
  #rooms: Room[] = [];
  /** Pieces of it that are still to come. */
  #pieces = 0;
  #nextSeq = 0;

  constructor(run: Pick<FrameHead, 'id' | 'client'>) {
    this.#head = Buffer.alloc(headBytesOf(run));
    encodeHead('segment', run, this.#head);
  }

  /**
   * @param ageMs of the asking side
   * @returns exactly the frame's bytes, which nobody else writes to before they have {@link left}
   */
  encode(segment: SegmentBody, epoch: number, ageMs: number): Uint8Array {
    const bytes = this.#allocate(segment, this.bytesOf(segment));
    this.writeTo(bytes, 0, segment, epoch, ageMs);
    return bytes;
  }

  /** Length of the frame of a segment. */
  bytesOf({ messageBytes, payload }: SegmentBody): number {
    return segmentOverhead(this.#isAsking, messageBytes !== undefined) + payload.length;
  }

  /** As {@link encode}, into memory of somebody else. */
  writeTo(target: Buffer, at: number, segment: SegmentBody, epoch: number, ageMs: number): void {
    const { seq, messageBytes, payload } = segment;
    const head = this.#head;
    target.set(head, at);
    target[at + FLAGS_AT] = flagsOfSegment(segment);
    target.writeUInt32BE(epoch, at + EPOCH_AT);
    let next = at + head.length;
    if (this.#isAsking) next = target.writeUInt32BE(Math.min(Math.max(0, ageMs), 0xffffffff), next);
    next = target.writeUInt32BE(seq, next);
    if (messageBytes !== undefined) next = target.writeUInt32BE(messageBytes, next);
    target.set(payload, next);
  }

  get #isAsking(): boolean {
    return this.#head.length > HEAD_BYTES;
  }

  /** Nobody reads the bytes of a frame any more. */
  left(frame: Uint8Array): void {
    const { buffer } = frame;
    // They leave in their order, as a rule: the first room it is.
    for (const room of this.#rooms) if (room.buffer === buffer) return void room.underWay--;
  }

  /**
   * For many pieces of a message at a time, and for more when those have left: Node's own pool holds six of them, and
   * what it costs to get and to collect so much memory is a tenth of a large message. Of one message, so that a piece
   * which waits for long keeps no others' room, and none is kept between messages.
   */
  #allocate({ seq, messageBytes, payload }: SegmentBody, bytes: number): Buffer {
    const isCopy = seq < this.#nextSeq;
    if (isCopy) return Buffer.allocUnsafe(bytes);
    this.#nextSeq = seq + 1;
    if (messageBytes !== undefined) {
      this.#pieces = Math.ceil(messageBytes / payload.length);
      this.#rooms = [];
    }
    const own = this.#roomFor(bytes)?.take(bytes) ?? Buffer.allocUnsafe(bytes);
    if (--this.#pieces <= 0) this.#rooms = [];
    return own;
  }

  /** `undefined` for a piece that is alone. */
  #roomFor(bytes: number): Room | undefined {
    const room = this.#rooms.at(-1);
    if (room !== undefined && room.used + bytes <= room.bytes.length) return room;
    return this.#pieces > 1 ? this.#nextRoom(bytes) : undefined;
  }

  #nextRoom(pieceBytes: number): Room {
    const bytes = Math.min(this.#pieces, PIECES_AT_ONCE) * pieceBytes;
    const at = this.#rooms.findIndex((room) => room.underWay === 0 && room.bytes.length >= bytes);
    const [room = new Room(bytes)] = at < 0 ? [] : this.#rooms.splice(at, 1);
    room.used = 0;
    this.#rooms.push(room);
    return room;
  }
}

/** Memory for some pieces of a message. */
class Room {
  readonly bytes: Buffer;
  readonly buffer: ArrayBufferLike;
  used = 0;
  /** Pieces in it that somebody may still read. */
  underWay = 0;

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.buffer = this.bytes.buffer;
  }

  take(bytes: number): Buffer {
    this.underWay++;
    this.used += bytes;
    return this.bytes.subarray(this.used - bytes, this.used);
  }
}

function flagsOfSegment({ messageBytes, isLast, isEnd, wantsAck }: SegmentBody): number {
  return (
    (messageBytes === undefined ? 0 : FIRST) |
    (isLast ? LAST : 0) |
    (isEnd ? END : 0) |
    (wantsAck ? WANTS_ACK : 0)
  );
}

const PIECES_AT_ONCE = 32;
