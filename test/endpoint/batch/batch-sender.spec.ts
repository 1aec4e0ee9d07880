import { constants } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../../src/common/peer-address.js';
import { BatchSender } from '../../../src/endpoint/batch/batch-sender.js';
import type { Descriptor } from '../../../src/endpoint/batch/descriptor.js';
import { AF_INET } from '../../../src/endpoint/batch/linux.js';
import { MessageSlab } from '../../../src/endpoint/batch/message-slab.js';
import { AddressBook } from '../../../src/endpoint/batch/address-book.js';
import type { OutgoingDatagram } from '../../../src/endpoint/datagram-socket.js';
import { errnoOf } from '../../../src/endpoint/endpoint.errors.js';
import { FakeKernel, type Reply } from './fake-kernel.js';

const { EAGAIN, ECONNREFUSED, EINTR, EINVAL, EIO, ENOBUFS } = constants.errno;

describe('BatchSender', () => {
  it('sends all that waits with one call, each to its peer, and tells each', () => {
    const { sender, kernel, told } = setUp();
    give(sender, told, ['a', 1], ['bb', 2], ['ccc', 1]);
    sender.flush();
    expect(kernel.calls).toEqual([[whole('a', 1), whole('bb', 2), whole('ccc', 1)]]);
    expect(told).toEqual(['a left', 'bb left', 'ccc left']);
    expect(sender.waiting).toBe(0);
  });

  it('carries no address on a connected socket', () => {
    const { sender, kernel, told } = setUp();
    sender.isConnected = true;
    give(sender, told, ['a', 1]);
    sender.flush();
    expect(kernel.calls).toEqual([[{ to: undefined, payload: 'a', segment: 0 }]]);
  });

  it('makes one message of datagrams of one size to one peer, the last perhaps shorter', () => {
    const { sender, kernel, told } = setUp();
    give(sender, told, ['aa', 1], ['bb', 1], ['c', 1], ['d', 1], ['ee', 2], ['ff', 1], ['ggg', 1], ['', 1]);
    sender.flush();
    expect(kernel.calls).toEqual([
      [
        { to: '1:7001', payload: 'aabbc', segment: 2 },
        whole('d', 1),
        whole('ee', 2),
        whole('ff', 1),
        whole('ggg', 1),
        whole('', 1),
      ],
    ]);
    expect(told).toHaveLength(8);
  });

  it('puts no more than 64 datagrams, or 65507 bytes, into one message, and 64 messages into a call', () => {
    const { sender, kernel, told } = setUp();
    give(sender, told, ...Array.from({ length: 130 }, () => ['x', 1] as const));
    sender.flush();
    expect(kernel.calls[0]?.map(({ payload }) => payload.length)).toEqual([64, 64, 2]);
    give(sender, told, ...Array.from({ length: 5 }, () => ['y'.repeat(20_000), 1] as const));
    sender.flush();
    expect(kernel.calls[1]?.map(({ payload }) => payload.length)).toEqual([60_000, 40_000]);
    give(sender, told, ...Array.from({ length: 100 }, (_, index) => ['z', 1 + (index % 2)] as const));
    sender.flush();
    expect(kernel.calls.slice(2).map((call) => call.length)).toEqual([64, 36]);
    expect(told.every((fate) => fate.endsWith('left'))).toBe(true);
  });

  it('asks again for the message that a call has stopped at, and learns why', () => {
    const answers: Reply[] = [() => 2, () => -ECONNREFUSED, (messages) => messages.length];
    const { sender, kernel, told } = setUp((messages) => answers.shift()!(messages));
    give(sender, told, ['a', 1], ['b', 2], ['c', 3], ['d', 4]);
    sender.flush();
    expect(kernel.calls.map((call) => call.map(({ payload }) => payload))).toEqual([
      ['a', 'b', 'c', 'd'],
      ['c', 'd'],
      ['d'],
    ]);
    expect(told).toEqual(['a left', 'b left', 'c ECONNREFUSED', 'd left']);
  });

  it('goes on after an interruption, and tells of want of buffers one by one', () => {
    const answers: Reply[] = [() => -EINTR, () => -ENOBUFS, () => -ENOBUFS];
    const { sender, told } = setUp((messages) => answers.shift()!(messages));
    give(sender, told, ['a', 1], ['b', 2]);
    sender.flush();
    expect(told).toEqual(['a ENOBUFS', 'b ENOBUFS']);
  });

  it('keeps what the kernel has no room for, in order and before what comes later', () => {
    const answers: Reply[] = [() => 1, () => -EAGAIN];
    const { sender, kernel, told, full } = setUp(
      (messages) => answers.shift()?.(messages) ?? messages.length,
    );
    give(sender, told, ['a', 1], ['b', 2], ['c', 3]);
    sender.flush();
    expect({ told, full: full(), isFull: sender.isFull }).toEqual({
      told: ['a left'],
      full: 1,
      isFull: true,
    });
    give(sender, told, ['d', 4]);
    sender.flush();
    // What did not fit is written again: no more of it than about what fitted.
    expect(kernel.calls.slice(2).map((call) => call.map(({ payload }) => payload))).toEqual([
      ['b', 'c'],
      ['d'],
    ]);
    expect({ told, isFull: sender.isFull }).toEqual({
      told: ['a left', 'b left', 'c left', 'd left'],
      isFull: false,
    });
  });

  it('writes what nobody has written yet, with others and by itself, and again where there was no room', () => {
    const answers: Reply[] = [() => 1, () => -EAGAIN];
    const { sender, kernel, told } = setUp((messages) => answers.shift()?.(messages) ?? messages.length);
    sender.add([
      lazy(told, 'aa', peer(1)),
      outgoing(told, 'bb', peer(1)),
      lazy(told, 'c', peer(1)),
      lazy(told, '', peer(2)),
      lazy(told, 'x'.repeat(65_537), peer(2)),
      lazy(told, 'dd', peer(1)),
    ]);
    sender.flush();
    expect(told).toEqual(['aa left', 'bb left', 'c left']);
    sender.flush();
    expect(kernel.calls.flat()).toEqual([
      { to: '1:7001', payload: 'aabbc', segment: 2 },
      whole('', 2),
      whole('', 2),
      whole('', 2),
      whole('dd', 1),
    ]);
    expect(told.slice(3).map((fate) => fate.slice(-8))).toEqual([' left', 'EMSGSIZE', 'dd left']);
  });

  it('tells of such as fail when they are written, and sends the others', () => {
    const { sender, kernel, told } = setUp();
    const failing = (text: string, error: unknown, to = peer(1)): OutgoingDatagram => {
      const datagram = lazy(told, text, to);
      const writeTo = (): never => {
        throw error;
      };
      return { ...outgoing(told, text, to), lazy: { ...datagram.lazy!, writeTo } };
    };
    const full = Object.assign(new Error('detached'), { code: 'MINE' });
    sender.add([
      failing('vv', full),
      lazy(told, 'aa', peer(1)),
      lazy(told, 'bb', peer(1)),
      failing('ww', full),
      lazy(told, 'cc', peer(1)),
      outgoing(told, 'dd', peer(2)),
      failing('x', full, peer(2)),
      failing('y', 'no error', peer(3)),
    ]);
    sender.flush();
    expect(kernel.calls.flat()).toEqual([
      { to: '1:7001', payload: 'aabb', segment: 2 },
      whole('cc', 1),
      whole('dd', 2),
    ]);
    expect(told).toEqual([
      'vv MINE',
      'aa left',
      'bb left',
      'ww MINE',
      'cc left',
      'dd left',
      'x MINE',
      expect.stringMatching(/^y /),
    ]);
    expect(sender.waiting).toBe(0);
  });

  it('tells of those that cannot be written, and sends the others', () => {
    const { sender, told } = setUp();
    const wrong = PeerAddress.of('::1', 9);
    sender.add([outgoing(told, 'a', wrong), outgoing(told, 'b', peer(1)), outgoing(told, 'c', wrong)]);
    give(sender, told, ['x'.repeat(65_537), 1], ['d', 2]);
    sender.flush();
    expect(told.map((fate) => fate.slice(-12))).toEqual([
      'a EINVAL',
      'b left',
      'c EINVAL',
      'xxx EMSGSIZE',
      'd left',
    ]);
  });

  it('leaves nothing to the kernel to cut once it has refused to', () => {
    const { sender, kernel, told } = setUp((messages) =>
      messages[0]?.segment === 0 ? messages.length : -EIO,
    );
    give(sender, told, ['aa', 1], ['bb', 1]);
    sender.flush();
    give(sender, told, ['cc', 1], ['dd', 1]);
    sender.flush();
    expect(kernel.calls.map((call) => call.map(({ segment }) => segment))).toEqual([[2], [0, 0], [0, 0]]);
    expect(told).toEqual(['aa left', 'bb left', 'cc left', 'dd left']);
  });

  it('goes on with small ones where only large ones were refused', () => {
    const { sender, kernel, told } = setUp((messages) =>
      (messages[0]?.segment ?? 0) > 1472 ? -EINVAL : messages.length,
    );
    const large = 'x'.repeat(3000);
    give(sender, told, [large, 1], [large, 1]);
    sender.flush();
    give(sender, told, [large, 1], [large, 1], ['aa', 2], ['bb', 2]);
    sender.flush();
    expect(kernel.calls.map((call) => call.map(({ segment }) => segment))).toEqual([
      [3000],
      [0, 0],
      [0, 0, 2],
    ]);
    expect(told).toHaveLength(6);
  });

  it('goes on leaving it to the kernel where what was refused is refused one by one too', () => {
    const { sender, kernel, told } = setUp((messages) =>
      messages[0]?.to === '1:7001' ? -EINVAL : messages.length,
    );
    give(sender, told, ['aa', 1], ['bb', 1], ['cc', 2], ['dd', 2]);
    sender.flush();
    expect(kernel.calls.map((call) => call.map(({ payload }) => payload))).toEqual([
      ['aabb', 'ccdd'],
      ['aa', 'bb'],
      ['bb'],
      ['ccdd'],
    ]);
    expect(told).toEqual(['aa EINVAL', 'bb EINVAL', 'cc left', 'dd left']);
  });

  it('tells all of a message that is refused for another reason, and cuts the next one', () => {
    const answers: Reply[] = [() => -ECONNREFUSED];
    const { sender, kernel, told } = setUp((messages) => answers.shift()?.(messages) ?? messages.length);
    give(sender, told, ['aa', 1], ['bb', 1], ['cc', 2], ['dd', 2]);
    sender.flush();
    expect(kernel.calls.map((call) => call.map(({ segment }) => segment))).toEqual([[2, 2], [2]]);
    expect(told).toEqual(['aa ECONNREFUSED', 'bb ECONNREFUSED', 'cc left', 'dd left']);
  });

  it('tells one datagram alone what a connected peer has answered before', () => {
    const answers: Reply[] = [() => -ECONNREFUSED];
    const { sender, kernel, told } = setUp((messages) => answers.shift()?.(messages) ?? messages.length);
    sender.isConnected = true;
    give(sender, told, ['aa', 1], ['bb', 1], ['cc', 1]);
    sender.flush();
    expect(kernel.calls.map((call) => call.map(({ payload }) => payload))).toEqual([['aabbcc'], ['bbcc']]);
    expect(told).toEqual(['aa ECONNREFUSED', 'bb left', 'cc left']);
  });

  it('tells the others where one who is told fails', () => {
    const { sender, told } = setUp();
    const later: (() => void)[] = [];
    const { setImmediate } = globalThis;
    globalThis.setImmediate = ((task: () => void) => void later.push(task)) as never;
    const failing = (): never => {
      throw new Error('mine');
    };
    sender.add([{ data: Buffer.from('a'), peer: peer(1), done: failing }]);
    give(sender, told, ['b', 2]);
    sender.flush();
    globalThis.setImmediate = setImmediate;
    expect(told).toEqual(['b left']);
    expect(later).toHaveLength(1);
    expect(later[0]).toThrow('mine');
  });

  it('is asked for no cutting where the kernel knows none', () => {
    const { sender, kernel, told } = setUp(undefined, false);
    give(sender, told, ['aa', 1], ['bb', 1]);
    sender.flush();
    expect(kernel.calls).toEqual([[whole('aa', 1), whole('bb', 1)]]);
  });

  it('takes what is sent by whoever is told, for the next time', () => {
    const { sender, kernel, told } = setUp();
    sender.add([{ data: Buffer.from('a'), peer: peer(1), done: () => give(sender, told, ['b', 1]) }]);
    sender.flush();
    expect(kernel.calls).toHaveLength(1);
    expect(sender.waiting).toBe(1);
    sender.flush();
    expect(told).toEqual(['b left']);
  });

  it('fails what is left when it closes', () => {
    const { sender, told } = setUp(() => -EAGAIN);
    give(sender, told, ['a', 1]);
    sender.flush();
    sender.close();
    sender.close();
    expect(told).toEqual(['a UDP_ENDPOINT_CLOSED']);
  });

  function setUp(answer: Reply = (messages) => messages.length, canSegment = true) {
    const kernel = new FakeKernel();
    const libc = kernel.libc(answer);
    const told: string[] = [];
    let timesFull = 0;
    const sender = new BatchSender({
      libc,
      descriptor: { fd: 3, canSegment: () => canSegment } as unknown as Descriptor,
      slab: new MessageSlab(libc),
      peers: new AddressBook(libc, AF_INET),
      onFull: () => void timesFull++,
    });
    return { sender, kernel, told, full: () => timesFull };
  }
});

const PEERS = new Map<number, PeerAddress>();

function peer(number: number): PeerAddress {
  const known = PEERS.get(number) ?? PeerAddress.of(`10.0.0.${number}`, 7000 + number);
  PEERS.set(number, known);
  return known;
}

function whole(payload: string, to: number) {
  return { to: `${to}:${7000 + to}`, payload, segment: 0 };
}

/** As {@link outgoing}; its bytes are not to be made. */
function lazy(told: string[], text: string, to: PeerAddress): OutgoingDatagram {
  const { peer, done } = outgoing(told, text, to);
  const writeTo = (target: Buffer, at: number): void => void target.write(text, at);
  const toBytes = (): never => {
    throw new Error('made');
  };
  return {
    get data() {
      return toBytes();
    },
    lazy: { length: text.length, writeTo, toBytes },
    peer,
    done,
  };
}

function outgoing(told: string[], text: string, to: PeerAddress) {
  return {
    data: Buffer.from(text),
    peer: to,
    done: (error?: Error) => void told.push(`${text} ${error === undefined ? 'left' : errnoOf(error)}`),
  };
}

function give(sender: BatchSender, told: string[], ...datagrams: (readonly [text: string, to: number])[]) {
  sender.add(datagrams.map(([text, to]) => outgoing(told, text, peer(to))));
}
