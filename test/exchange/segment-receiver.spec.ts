import { describe, expect, it } from '@jest/globals';
import { PeerPath } from '../../src/exchange/peer-path.js';
import { ReassemblyBudget } from '../../src/exchange/reassembly-budget.js';
import { SegmentReceiver, type ReceivedSegment } from '../../src/exchange/segment-receiver.js';
import { WHOLE_RUN } from '../../src/exchange/segment.js';

describe('SegmentReceiver', () => {
  const setUp = (limits = {}) => {
    const budget = new ReassemblyBudget({
      maxBytes: 100_000,
      maxPeerBytes: 50_000,
      maxAgeMs: 1000,
      maxMessageBytes: 10_000,
      ...limits,
    });
    const path = new PeerPath(1232, 1, 1);
    return { budget, path, receiver: new SegmentReceiver(budget, path) };
  };
  const piece = (seq: number, text: string, flags: Partial<ReceivedSegment> = {}): ReceivedSegment => ({
    seq,
    payload: Buffer.from(text),
    messageBytes: undefined,
    isLast: false,
    isEnd: false,
    wantsAck: false,
    ...flags,
  });
  const whole = (seq: number, text: string, isEnd = false): ReceivedSegment =>
    piece(seq, text, { messageBytes: text.length, isLast: true, isEnd });
  const texts = (receiver: SegmentReceiver): string[] => {
    const shifted: string[] = [];
    for (let message = receiver.shift(); message !== undefined; message = receiver.shift()) {
      shifted.push(Buffer.from(message).toString());
    }
    return shifted;
  };

  it('hands messages on in order, whatever order they come in, and once', () => {
    const { receiver, budget } = setUp();
    expect(receiver.receive(whole(2, 'c', true))).toBe('new');
    expect(receiver.receive(whole(1, 'b'))).toBe('new');
    expect(receiver.receive(whole(1, 'b'))).toBe('repeated');
    expect(texts(receiver)).toEqual([]);
    expect(receiver.receive(whole(0, 'a'))).toBe('new');
    expect(receiver.receive(whole(0, 'a'))).toBe('repeated');
    expect(texts(receiver)).toEqual(['a', 'b', 'c']);
    expect([receiver.isDone, budget.bytes]).toEqual([true, 0]);
  });

  it('keeps no small piece in the memory that it came in, in order or ahead of it', () => {
    const { receiver } = setUp();
    const shared = Buffer.alloc(8192);
    const from = (text: string): Buffer => {
      shared.write(text);
      return shared.subarray(0, text.length);
    };
    receiver.receive(piece(2, '', { payload: from('ef'), isLast: true, isEnd: true }));
    receiver.receive(piece(0, '', { payload: from('ab'), messageBytes: 6 }));
    receiver.receive(piece(1, '', { payload: from('cd') }));
    shared.fill('x');
    expect(texts(receiver)).toEqual(['abcdef']);
  });

  it('takes room as a message comes in, and in the end no more than it is', () => {
    const { receiver } = setUp({ maxMessageBytes: 2 ** 20, maxBytes: 2 ** 22, maxPeerBytes: 2 ** 22 });
    const bytes = 100_001;
    const message = Buffer.from(Array.from({ length: bytes }, (_, index) => index & 0xff));
    for (let seq = 0, at = 0; at < bytes; seq++, at += 1000) {
      const isLast = at + 1000 >= bytes;
      const payload = message.subarray(at, at + 1000);
      const head = seq === 0 ? { messageBytes: bytes } : {};
      expect(receiver.receive(piece(seq, '', { ...head, payload, isLast, isEnd: isLast }))).toBe('new');
    }
    const received = receiver.shift()!;
    expect(message.equals(received)).toBe(true);
    expect(received.buffer.byteLength).toBe(bytes);
  });

  it('puts a message together from its pieces', () => {
    const { receiver, budget, path } = setUp();
    receiver.receive(piece(2, 'ef', { isLast: true, isEnd: true }));
    receiver.receive(piece(0, 'ab', { messageBytes: 6 }));
    expect(budget.bytes).toBe(4 + 2 * 128);
    expect(path.reassemblyBytes).toBe(budget.bytes);
    receiver.receive(piece(1, 'cd'));
    expect(texts(receiver)).toEqual(['abcdef']);
    expect([budget.bytes, path.reassemblyBytes, receiver.heldBytes]).toEqual([0, 0, 0]);
  });

  it('tells what is here: the next, and a bit for each beyond', () => {
    const { receiver } = setUp();
    for (const seq of [0, 1, 3, 5, 13]) receiver.receive(whole(seq, 'x'));
    expect(receiver.acknowledgement()).toEqual({ next: 2, window: 256, bitmap: Uint8Array.of(0b101, 0b100) });
    receiver.receive(whole(2, 'x'));
    expect(receiver.acknowledgement()).toMatchObject({ next: 4 });
  });

  it('tells that all is here, also when the end comes again', () => {
    const { receiver } = setUp();
    receiver.receive(whole(0, 'x', true));
    expect(receiver.acknowledgement()).toEqual({ next: WHOLE_RUN, window: 0, bitmap: new Uint8Array(0) });
    expect([receiver.receive(whole(0, 'x', true)), receiver.ackDue]).toEqual(['repeated', 'now']);
  });

  it.each([
    ['the first of two', [whole(0, 'a')], 'soon'],
    ['the second', [whole(0, 'a'), whole(1, 'b')], 'now'],
    ['one beside a gap', [whole(1, 'b')], 'now'],
    ['one that fills a gap', [whole(1, 'b'), whole(0, 'a')], 'now'],
    ['the end', [whole(0, 'a', true)], 'now'],
    ['one whose sender waits', [piece(0, 'a', { messageBytes: 2, wantsAck: true })], 'now'],
    ['a repeated one', [whole(0, 'a'), whole(0, 'a')], 'now'],
  ] as const)('acknowledges %s', (_what, segments, due) => {
    const { receiver } = setUp();
    expect(receiver.ackDue).toBe('none');
    for (const segment of segments) receiver.receive(segment);
    expect(receiver.ackDue).toBe(due);
    receiver.acknowledgement();
    expect(receiver.ackDue).toBe('none');
  });

  it('has room for 256 segments, and refuses the next', () => {
    const { receiver } = setUp();
    expect(receiver.receive(whole(255, 'x'))).toBe('new');
    expect(receiver.receive(whole(256, 'x'))).toBe('refused');
    expect(receiver.acknowledgement().bitmap).toHaveLength(32);
  });

  it('refuses what its peer, or all peers together, have no room for, and takes it later', () => {
    const { receiver, budget } = setUp({ maxPeerBytes: 300 });
    expect(receiver.receive(piece(0, 'ab', { messageBytes: 4 }))).toBe('new');
    expect(receiver.receive(piece(2, 'x'.repeat(100)))).toBe('refused');
    // Whole messages pass through: they need no room.
    const other = new SegmentReceiver(budget, new PeerPath(1232, 1, 1));
    expect(other.receive(whole(0, 'x'.repeat(5000)))).toBe('new');
    receiver.close();
    expect(budget.bytes).toBe(0);
  });

  it.each([
    ['a message that is larger than messages may be', [piece(0, 'a', { messageBytes: 10_001 })], 'too-large'],
    ['a piece of no message', [piece(0, 'a')], 'broken'],
    [
      'a message within a message',
      [piece(0, 'a', { messageBytes: 3 }), piece(1, 'b', { messageBytes: 3 })],
      'broken',
    ],
    [
      'more than the message holds',
      [piece(0, 'ab', { messageBytes: 3 }), piece(1, 'cd', { isLast: true })],
      'broken',
    ],
    ['less than the message holds', [piece(0, 'a', { messageBytes: 3, isLast: true })], 'broken'],
    ['an end in the middle of a message', [piece(0, 'a', { messageBytes: 3, isEnd: true })], 'broken'],
    ['something after the end', [whole(1, 'b', true), whole(2, 'c')], 'broken'],
    ['an end before what is here', [whole(2, 'c'), whole(1, 'b', true)], 'broken'],
  ] as const)('finds %s', (_what, segments, arrival) => {
    const { receiver, budget } = setUp();
    expect(segments.map((segment) => receiver.receive(segment)).at(-1)).toBe(arrival);
    receiver.close();
    expect(budget.bytes).toBe(0);
  });
});
