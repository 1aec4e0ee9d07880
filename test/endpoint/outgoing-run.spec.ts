import { describe, expect, it } from '@jest/globals';
import { decodeFrame } from '../../src/codec/frame-codec.js';
import type { SegmentFrame } from '../../src/codec/frame.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { LazyBytes } from '../../src/endpoint/datagram-socket.js';
import { Deadlines } from '../../src/endpoint/deadlines.js';
import { NobodyWaitsError } from '../../src/endpoint/endpoint.errors.js';
import type { ExchangeParts } from '../../src/endpoint/exchange-parts.js';
import { OutgoingRun } from '../../src/endpoint/outgoing-run.js';
import { USUAL_PASSAGE } from '../../src/endpoint/passage.js';
import type { Fate } from '../../src/endpoint/uplink.js';
import { PeerPath } from '../../src/exchange/peer-path.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

describe('OutgoingRun', () => {
  it('counts the age of what it sends by the clock, though the acknowledgement came earlier', async () => {
    const { clock, run, path, sent } = setUp();
    run.push(Buffer.alloc(5 * SEGMENT_BYTES), true);
    expect(sent.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
    await clock.advance(100);
    // The receiver has kept nothing: ages begin anew.
    run.resend();
    const copies = sent.splice(0).slice(5);
    expect(copies.map(({ ageMs }) => ageMs)).toEqual([0, 0, 0, 0, 0]);
    await clock.advance(40);
    // Received before that, and held since: by a limit, or by handlers that took long.
    run.acknowledge({ next: 0, window: 200, bitmap: Uint8Array.of(0b1110) }, clock.now() - 90);
    expect(sent.map(({ seq, ageMs }) => ({ seq, ageMs }))).toEqual([
      { seq: 0, ageMs: 40 },
      { seq: 1, ageMs: 40 },
    ]);
    run.close(clock.now());
    expect(path.congestion.underWayBytes).toBe(0);
  });

  it('writes the segments of a large message where others have left', async () => {
    const { clock, run, sent, buffers } = setUp();
    run.push(Buffer.alloc(200 * SEGMENT_BYTES), true);
    for (let next = 0; next < sent.length;) {
      next = sent.length;
      await clock.advance(1);
      run.acknowledge({ next, window: 200, bitmap: new Uint8Array(0) }, clock.now());
    }
    expect([sent.length, buffers.size]).toEqual([200, 1]);
  });

  it('does not send what has arrived while a copy of it waited, and goes on with the rest', async () => {
    const { clock, run, sent, fates } = setUp({ isLate: true });
    run.push(Buffer.alloc(3 * SEGMENT_BYTES), false);
    for (const fate of fates.splice(0)) fate.left(clock.now());
    run.resend();
    const [copy, ...others] = fates.splice(0);
    for (const fate of others) fate.left(clock.now());
    expect([others.length, copy?.leaving?.(clock.now())]).toEqual([2, true]);
    await clock.advance(1);
    run.acknowledge({ next: 3, window: 200, bitmap: new Uint8Array(0) }, clock.now());
    expect(copy?.leaving?.(clock.now())).toBe(false);
    copy?.dropped(new NobodyWaitsError(PeerAddress.of('10.0.0.1', 1)));
    run.push(Buffer.alloc(10), true);
    expect(sent.map(({ seq }) => seq)).toEqual([0, 1, 2, 0, 1, 2, 3]);
    expect(run.isStillQueued).toBe(true);
  });

  it('writes segments when they leave, where the socket has room for them', async () => {
    const { clock, run, fates, lazies } = setUp({ isLate: true, wantsLazyBytes: true });
    const message = Buffer.alloc(2 * SEGMENT_BYTES, 'a');
    run.push(message, true);
    // Longer than it waits, to see that nothing was written.
    message.fill('b');
    const target = Buffer.alloc(2000);
    const frames = lazies.map((lazy) => {
      lazy.writeTo(target, 7);
      return decodeFrame(Buffer.from(target.subarray(7, 7 + lazy.length))) as SegmentFrame;
    });
    expect(frames.map(({ seq, payload }) => [seq, payload[0], payload.length])).toEqual([
      [0, 98, SEGMENT_BYTES],
      [1, 98, SEGMENT_BYTES],
    ]);
    expect(lazies.map((lazy) => decodeFrame(lazy.toBytes()))).toEqual(frames);
    for (const fate of fates) fate.left(clock.now());
    run.acknowledge({ next: 0xffffffff, window: 0, bitmap: new Uint8Array(0) }, clock.now());
    expect([run.isOver, run.isStillQueued]).toEqual([true, false]);
  });
});

/** @param isLate fates are told by the test */
function setUp({ isLate = false, wantsLazyBytes = false } = {}) {
  const clock = new ManualClock();
  const sent: SegmentFrame[] = [];
  const fates: Fate[] = [];
  const lazies: LazyBytes[] = [];
  const buffers = new Set<ArrayBufferLike>();
  const endpoint = {
    maxDatagramSize: DATAGRAM_BYTES,
    wantsLazyBytes,
    post(data: Uint8Array | LazyBytes, _peer: PeerAddress, fate: Fate) {
      fates.push(fate);
      if ('writeTo' in data) return void lazies.push(data);
      sent.push(decodeFrame(data) as SegmentFrame);
      buffers.add(data.buffer);
      if (!isLate) fate.left(clock.now());
    },
  };
  const counts = { segmentsSent: 0, segmentsRetransmitted: 0 };
  const parts = { endpoint, scheduler: clock, counts, deadlines: new Deadlines(clock), epoch: 0 };
  const path = new PeerPath(DATAGRAM_BYTES, 256, 256);
  // A peer that is known: more than one segment leaves at first.
  path.heardMs = clock.now();
  const peer = PeerAddress.of('10.0.0.1', 1);
  const name = { id: '0123456789abcdef', client: 'fedcba9876543210', peer, passage: USUAL_PASSAGE };
  const run = new OutgoingRun(parts as unknown as ExchangeParts, path, name, 1_000_000, () => undefined);
  return { clock, run, path, sent, fates, lazies, buffers };
}

const DATAGRAM_BYTES = 1032;

// Without the head of an asking side's first segment.
const SEGMENT_BYTES = 996;
