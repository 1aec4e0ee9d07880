import { describe, expect, it } from '@jest/globals';
import { decodeFrame } from '../../src/codec/frame-codec.js';
import { segmentOverhead } from '../../src/codec/frame-layout.js';
import type { SegmentBody, SegmentFrame } from '../../src/codec/frame.js';
import { SegmentEncoder } from '../../src/codec/segment-encoder.js';

const ID = '0123456789abcdef';

function piece(seq: number, bytes: number, messageBytes?: number): SegmentBody {
  const payload = Buffer.alloc(bytes, seq);
  return { seq, messageBytes, isLast: false, isEnd: false, wantsAck: false, payload };
}

describe('SegmentEncoder', () => {
  it('writes the segments of one run, however long, into bytes of their own', () => {
    const encoder = new SegmentEncoder({ id: ID, client: 'fedcba9876543210' });
    const segments = Array.from({ length: 100 }, (_, seq) => ({
      seq,
      // One of five pieces, one of as many as its first piece does not tell, one of an empty piece, and so on.
      messageBytes: seq % 10 === 0 ? 5 * (seq % 3 === 0 ? 1200 : seq) : undefined,
      isLast: seq % 10 === 9,
      isEnd: seq === 99,
      wantsAck: seq % 7 === 0,
      // Larger ones than before come too.
      payload: Buffer.alloc(seq % 3 === 0 ? 1200 : 10 + seq, seq),
    }));
    const frames = segments.map((segment) => encoder.encode(segment, 7, segment.seq));
    const head = { kind: 'segment', id: ID, client: 'fedcba9876543210', epoch: 7 };
    for (const [nth, segment] of segments.entries()) {
      expect(decodeFrame(frames[nth] as Uint8Array)).toEqual({ ...head, ageMs: nth, ...segment });
    }
  });

  it('lets pieces of a message share memory, but not what is sent again, or is one piece', () => {
    const encoder = new SegmentEncoder({ id: ID, client: undefined });
    const roomOf = (...of: Parameters<typeof piece>): number =>
      encoder.encode(piece(...of), 1, 0).buffer.byteLength;
    const first = roomOf(0, 1200, 2500);
    const second = roomOf(1, 1200);
    const again = roomOf(0, 1200, 2500);
    const third = roomOf(2, 100);
    expect([second, third]).toEqual([first, first]);
    expect(first).toBe(3 * (1200 + segmentOverhead(false, true)));
    expect([again, roomOf(3, 100, 100)]).toEqual([Buffer.poolSize, Buffer.poolSize]);
  });

  it('writes again where all pieces have left, and nowhere else', () => {
    const encoder = new SegmentEncoder({ id: ID, client: undefined });
    const pieces = Array.from({ length: 200 }, (_, seq) => piece(seq, 1000, seq === 0 ? 200_000 : undefined));
    const rooms = new Set<ArrayBufferLike>();
    const waiting: Uint8Array[] = [];
    let overwritten = 0;
    for (const each of pieces) {
      const frame = encoder.encode(each, 1, 0);
      rooms.add(frame.buffer);
      waiting.push(frame);
      // One of the first room waits for long; of the others, those before the last 40 have left.
      if (waiting.length > 41) encoder.left(waiting.splice(1, 1)[0]!);
      const kept = waiting.map((each) => decodeFrame(each) as SegmentFrame);
      const first = Math.max(1, each.seq - 39);
      const expected = [0, ...pieces.slice(first, each.seq + 1).map(({ seq }) => seq)];
      expect(kept.map(({ seq }) => seq)).toEqual(each.seq === 0 ? [0] : expected);
      overwritten += kept.filter(({ seq, payload }) => payload.some((byte) => byte !== seq)).length;
    }
    expect(overwritten).toBe(0);
    expect(rooms.size).toBe(4);
  });

  // The last piece of 33 is alone in what would be a second room.
  it.each([2, 32, 33])('keeps no room when a message of %d pieces is written', (pieces) => {
    const encoder = new SegmentEncoder({ id: ID, client: undefined });
    const write = (from: number): Uint8Array[] =>
      Array.from({ length: pieces }, (_, nth) =>
        encoder.encode(piece(from + nth, 1000, nth === 0 ? 1000 * pieces : undefined), 1, 0),
      );
    const first = write(0);
    for (const frame of first) encoder.left(frame);
    // One that tells nothing of a new message would be written where there is room.
    expect(encoder.encode(piece(pieces, 50), 1, 0).buffer.byteLength).toBe(Buffer.poolSize);
    expect(write(pieces + 1)[0]!.buffer).not.toBe(first[0]!.buffer);
  });
});
