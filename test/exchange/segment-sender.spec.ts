import { describe, expect, it } from '@jest/globals';
import { CongestionWindow } from '../../src/exchange/congestion-window.js';
import { DeliveryBudget } from '../../src/exchange/delivery-budget.js';
import { MessageMemory } from '../../src/exchange/message-memory.js';
import { PeerPath } from '../../src/exchange/peer-path.js';
import { RttEstimator } from '../../src/exchange/rtt-estimator.js';
import { SegmentSender } from '../../src/exchange/segment-sender.js';
import { WHOLE_RUN, type Segment } from '../../src/exchange/segment.js';

describe('SegmentSender', () => {
  const NOTHING = new Uint8Array(0);
  const setUp = ({ segmentBytes = 10, bufferBytes = 1e6 } = {}) => {
    const rtt = new RttEstimator();
    const congestion = new CongestionWindow(segmentBytes);
    return { rtt, congestion, sender: new SegmentSender(rtt, congestion, { segmentBytes, bufferBytes }) };
  };
  /** All that may leave now, leaving at once. */
  const takeAll = (sender: SegmentSender, nowMs: number): Segment[] => {
    const taken: Segment[] = [];
    for (let segment = sender.take(nowMs); segment !== undefined; segment = sender.take(nowMs)) {
      taken.push(segment);
      sender.onLeft(segment, nowMs);
    }
    return taken;
  };
  const seqs = (segments: readonly Segment[]): number[] => segments.map(({ seq }) => seq);
  const ack = (next: number, bits: readonly number[] = [], window = 256) => {
    const bitmap = new Uint8Array(bits.length === 0 ? 0 : (Math.max(...bits) >> 3) + 1);
    for (const bit of bits) bitmap[bit >> 3]! |= 1 << (bit & 7);
    return { next, window, bitmap };
  };

  it('holds room for a message until all of it, and all before it, has arrived', () => {
    const budget = new DeliveryBudget({ maxBytes: 1000, maxPeerBytes: 700 }, new MessageMemory());
    const path = new PeerPath(10, 1, 1);
    const sender = new SegmentSender(
      new RttEstimator(),
      new CongestionWindow(10),
      { segmentBytes: 10, bufferBytes: 1e6 },
      budget.roomOf(path),
    );
    expect(sender.push(new Uint8Array(20), false)).toBe(true);
    expect(sender.push(new Uint8Array(10), false)).toBe(true);
    // Segments take 128 bytes each beside their own.
    expect(budget.bytes).toBe(30 + 3 * 128);
    expect(sender.push(new Uint8Array(30), false)).toBe(false);
    expect(budget.bytes).toBe(30 + 3 * 128);
    takeAll(sender, 0);
    // All but the first of three: its message is one array.
    sender.onAcknowledged(ack(0, [0, 1]), 1);
    expect(budget.bytes).toBe(30 + 3 * 128);
    sender.onAcknowledged(ack(3), 2);
    expect(budget.bytes).toBe(0);
    expect(sender.push(new Uint8Array(10), false)).toBe(true);
    const other = budget.roomOf(new PeerPath(10, 1, 1));
    expect([other.tryTake(701), other.tryTake(700), budget.bytes]).toEqual([false, true, 838]);
    expect(sender.push(new Uint8Array(50), false)).toBe(false);
    sender.close(3);
    expect([budget.bytes, path.undeliveredBytes]).toEqual([700, 0]);
  });

  describe('gives a message back', () => {
    const withRoom = () => {
      const arrived: (string | undefined)[] = [];
      const room = {
        tryTake: () => true,
        giveBack: (_bytes: number, message: Uint8Array | undefined) =>
          void arrived.push(message === undefined ? undefined : Buffer.from(message).toString()),
      };
      const limits = { segmentBytes: 2, bufferBytes: 1e6 };
      const sender = new SegmentSender(new RttEstimator(), new CongestionWindow(1000), limits, room);
      const push = (text: string, isEnd = false): boolean => sender.push(Buffer.from(text), isEnd);
      return { sender, push, arrived };
    };

    it('when all of it has arrived', () => {
      const { sender, push, arrived } = withRoom();
      push('abc');
      push('de');
      takeAll(sender, 0);
      sender.onAcknowledged(ack(1), 1);
      expect(arrived).toEqual([]);
      sender.onAcknowledged(ack(3), 1);
      expect(arrived).toEqual(['abc', 'de']);
      expect(sender.isStillQueued).toBe(false);
    });

    it('without its bytes when a piece of it is acknowledged while a copy waits to leave', () => {
      const { sender, push, arrived } = withRoom();
      push('abc');
      push('de');
      push('f');
      takeAll(sender, 0);
      sender.resend();
      const [first, ...others] = Array.from({ length: 4 }, () => sender.take(0) as Segment);
      for (const segment of others) sender.onLeft(segment, 0);
      expect(sender.isWanted(first as Segment)).toBe(true);
      sender.onAcknowledged(ack(4), 1);
      expect(sender.isWanted(first as Segment)).toBe(false);
      expect(arrived).toEqual([undefined, 'de', 'f']);
      // It does not keep anything else from leaving when it is dropped.
      sender.onDropped(first as Segment, 1);
      push('g');
      expect(sender.take(1)).toMatchObject({ seq: 4 });
    });

    it('without its bytes when it is given up while a piece waits to leave', () => {
      const { sender, push, arrived } = withRoom();
      push('ab');
      push('cd');
      push('ef');
      sender.onLeft(sender.take(0) as Segment, 0);
      sender.take(0);
      sender.close(1);
      expect(arrived).toEqual(['ab', undefined, 'ef']);
    });

    it('and says whether one that takes no room may be read', () => {
      const { sender } = setUp();
      sender.push(Buffer.alloc(20), true);
      sender.onLeft(sender.take(0) as Segment, 0);
      sender.take(0);
      expect(sender.isStillQueued).toBe(false);
      sender.close(1);
      expect(sender.isStillQueued).toBe(true);
    });
  });

  it('takes no word for it that what has never left is there', () => {
    const { sender } = setUp();
    const told: number[] = [];
    sender.push(Buffer.alloc(20), false, { left: (nowMs) => void told.push(nowMs) });
    const [first, second] = [sender.take(0) as Segment, sender.take(0) as Segment];
    sender.onLeft(first, 0);
    sender.onAcknowledged(ack(2), 1);
    expect([sender.isIdle, sender.isWanted(second), sender.bufferedBytes]).toEqual([false, true, 10]);
    sender.onLeft(second, 2);
    expect(told).toEqual([2]);
    sender.onAcknowledged(ack(2), 3);
    expect(sender.isIdle).toBe(true);
  });

  it('cuts messages into segments that say where messages begin, how long they are, and where the run ends', () => {
    const { sender } = setUp();
    sender.push(new Uint8Array(25), false);
    sender.push(new Uint8Array(10), false);
    sender.push(NOTHING, true);
    expect(
      takeAll(sender, 0).map(({ seq, payload, messageBytes, isLast, isEnd }) => [
        seq,
        payload.length,
        messageBytes,
        isLast,
        isEnd,
      ]),
    ).toEqual([
      [0, 10, 25, false, false],
      [1, 10, undefined, false, false],
      [2, 5, undefined, true, false],
      [3, 10, 10, true, false],
      [4, 0, 0, true, true],
    ]);
  });

  it('lets out what the congestion window lets, and asks for an acknowledgement where it stops', () => {
    const { sender } = setUp();
    sender.push(new Uint8Array(150), true);
    const first = takeAll(sender, 0);
    expect(seqs(first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(first.map(({ wantsAck }) => wantsAck)).toEqual([...Array(9).fill(false), true]);
    expect(sender.isBlocked).toBe(true);
    sender.onAcknowledged(ack(2), 10);
    expect(seqs(takeAll(sender, 10))).toEqual([10, 11, 12, 13]);
  });

  it('keeps to the window of the receiver, which is 32 before the first word', () => {
    const { sender } = setUp({ segmentBytes: 1 });
    sender.push(new Uint8Array(400), true);
    let sent = takeAll(sender, 0).length;
    for (let nowMs = 1; nowMs < 5; nowMs++) {
      sender.onAcknowledged(ack(sent, [], 20), nowMs);
      sent += takeAll(sender, nowMs).length;
    }
    expect(sent).toBe(10 + 20 + 20 + 20 + 20);
  });

  it('tells that a message has left when its last segment has', () => {
    const { sender } = setUp();
    const left: string[] = [];
    sender.push(new Uint8Array(20), false, { left: (nowMs) => left.push(`a ${nowMs}`) });
    sender.push(new Uint8Array(5), false, { left: (nowMs) => left.push(`b ${nowMs}`) });
    const [first, second, third] = [sender.take(0), sender.take(0), sender.take(0)] as [
      Segment,
      Segment,
      Segment,
    ];
    sender.onLeft(first, 1);
    expect(left).toEqual([]);
    sender.onLeft(second, 2);
    sender.onLeft(third, 3);
    expect(left).toEqual(['a 2', 'b 3']);
  });

  it('takes no more than its buffer holds, but for one message, and a short end', () => {
    const { sender } = setUp({ bufferBytes: 1000 });
    expect(sender.push(new Uint8Array(5000), false)).toBe(true);
    expect(sender.push(new Uint8Array(1), false)).toBe(false);
    expect(sender.push(new Uint8Array(600), true)).toBe(false);
    expect(sender.push(new Uint8Array(50), true)).toBe(true);
    expect(sender.bufferedBytes).toBe(5050);
  });

  it('counts what each segment takes beside its bytes', () => {
    const { sender } = setUp({ bufferBytes: 1000 });
    let taken = 0;
    while (sender.push(new Uint8Array(1), false)) taken++;
    expect(taken).toBe(8);
  });

  it('goes on for as long as a stream does', () => {
    const { sender } = setUp({ bufferBytes: 1e6 });
    for (let value = 0; value < 5000; value++) sender.push(Uint8Array.of(value & 255), value === 4999);
    const seen: number[] = [];
    for (let nowMs = 0; !sender.isDone; nowMs++) {
      for (const { seq, payload } of takeAll(sender, nowMs)) {
        expect(payload).toEqual(Uint8Array.of(seq & 255));
        seen.push(seq);
      }
      sender.onAcknowledged(ack(seen.length), nowMs);
    }
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, seq) => seq));
  });

  it('repeats what three later ones have overtaken, and nothing else', () => {
    const { sender, congestion } = setUp();
    sender.push(new Uint8Array(100), true);
    takeAll(sender, 0);
    sender.onAcknowledged(ack(0, [0, 1]), 10);
    expect(takeAll(sender, 10)).toEqual([]);
    // Now the window is half as large, and full until more have arrived.
    sender.onAcknowledged(ack(0, [0, 1, 2]), 10);
    expect([congestion.bytes, takeAll(sender, 10)]).toEqual([65, []]);
    sender.onAcknowledged(ack(0, [0, 1, 2, 3, 4]), 11);
    expect(seqs(takeAll(sender, 11))).toEqual([0]);
  });

  it('repeats what was overtaken 9/8 of a round trip ago', () => {
    const { sender } = setUp();
    sender.push(new Uint8Array(30), true);
    takeAll(sender, 0);
    sender.onAcknowledged(ack(0, [0]), 80);
    expect(sender.nextMs).toBe(90);
    sender.onTime(89);
    expect(takeAll(sender, 89)).toEqual([]);
    sender.onTime(90);
    expect(seqs(takeAll(sender, 90))).toEqual([0]);
  });

  it('sends the first that is missing when nothing is heard, later each time, and then starts anew', () => {
    const { sender, congestion } = setUp();
    sender.push(new Uint8Array(30), true);
    takeAll(sender, 0);
    const repeated: [number, number[]][] = [];
    for (let i = 0; i < 4; i++) {
      const nowMs = sender.nextMs;
      sender.onTime(nowMs);
      repeated.push([nowMs, seqs(takeAll(sender, nowMs))]);
    }
    expect(repeated).toEqual([
      [1000, [0]],
      [3000, [0]],
      [7000, [0]],
      [11_000, [0]],
    ]);
    expect(congestion.bytes).toBe(20);
  });

  it('does not queue again what waits in our own queue', () => {
    const { sender } = setUp();
    sender.push(new Uint8Array(10), true);
    expect(sender.take(0)?.seq).toBe(0);
    expect(sender.nextMs).toBe(Infinity);
    sender.onTime(1e6);
    expect(sender.take(1e6)).toBeUndefined();
  });

  it('tries again, after a time-out, what our own queue refused', () => {
    const { sender } = setUp();
    sender.push(new Uint8Array(10), true);
    sender.onDropped(sender.take(0) as Segment, 5);
    expect(sender.take(1004)).toBeUndefined();
    expect(sender.nextMs).toBe(1005);
    sender.onTime(1005);
    expect(sender.take(1005)?.seq).toBe(0);
  });

  it('measures round trips by segments that left once', () => {
    const { sender, rtt } = setUp();
    sender.push(new Uint8Array(20), false);
    takeAll(sender, 100);
    sender.onAcknowledged(ack(2), 140);
    expect(rtt.smoothedMs).toBe(40);
    sender.push(new Uint8Array(10), true);
    takeAll(sender, 200);
    sender.onTime(sender.nextMs);
    takeAll(sender, 500);
    sender.onAcknowledged(ack(3), 900);
    expect(rtt.smoothedMs).toBe(40);
    expect(sender.isDone).toBe(true);
  });

  it.each([
    ['that is older', [ack(5), ack(2)]],
    ['of what was never sent', [ack(5), ack(5000)]],
    ['that comes twice', [ack(5), ack(5)]],
  ])('is not confused by an acknowledgement %s', (_what, acks) => {
    const { sender, congestion } = setUp();
    sender.push(new Uint8Array(90), false);
    takeAll(sender, 0);
    expect(acks.map((each) => sender.onAcknowledged(each, 10))).toEqual([true, false]);
    expect([sender.bufferedBytes, congestion.underWayBytes]).toEqual([40, 40]);
  });

  it('probes a window that is closed with one segment more than it allows', () => {
    const limits = { segmentBytes: 10, bufferBytes: 1e6, initialWindow: 1 };
    const sender = new SegmentSender(new RttEstimator(), new CongestionWindow(10), limits);
    sender.push(new Uint8Array(30), true);
    expect(seqs(takeAll(sender, 0))).toEqual([0]);
    sender.onAcknowledged(ack(1, [], 0), 10);
    expect(takeAll(sender, 10)).toEqual([]);
    const probeMs = sender.nextMs;
    sender.onTime(probeMs);
    expect(takeAll(sender, probeMs)).toMatchObject([{ seq: 1, wantsAck: true, isLast: false }]);
    sender.onAcknowledged(ack(2, [], 1), probeMs + 1);
    expect(takeAll(sender, probeMs + 1)).toMatchObject([{ seq: 2, isLast: true, isEnd: true }]);
  });

  it('has nothing more to hand out once it is closed', () => {
    const { sender } = setUp();
    sender.push(new Uint8Array(5000), true);
    takeAll(sender, 0);
    expect(sender.isAllHandedOut).toBe(false);
    sender.close(1);
    expect([sender.isAllHandedOut, sender.isDone, sender.take(2)]).toEqual([true, true, undefined]);
  });

  it('is over when the receiver wants nothing more', () => {
    const { sender, congestion } = setUp();
    let left = 0;
    sender.push(new Uint8Array(500), false, { left: () => left++ });
    takeAll(sender, 0);
    sender.onAcknowledged({ next: WHOLE_RUN, window: 0, bitmap: NOTHING }, 10);
    expect([sender.isDone, sender.bufferedBytes, congestion.underWayBytes, sender.nextMs, left]).toEqual([
      true,
      0,
      0,
      Infinity,
      1,
    ]);
  });
});
