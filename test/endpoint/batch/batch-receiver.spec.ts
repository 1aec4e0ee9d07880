import { constants } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { BatchReceiver } from '../../../src/endpoint/batch/batch-receiver.js';
import type { Descriptor } from '../../../src/endpoint/batch/descriptor.js';
import { AF_INET, MSG_TRUNC, SOL_SOCKET } from '../../../src/endpoint/batch/linux.js';
import { MessageSlab } from '../../../src/endpoint/batch/message-slab.js';
import { AddressBook } from '../../../src/endpoint/batch/address-book.js';
import { errnoOf } from '../../../src/endpoint/endpoint.errors.js';
import { FakeKernel, type ArrivingMessage } from './fake-kernel.js';

const { EAGAIN, EINTR, EBADF } = constants.errno;

describe('BatchReceiver', () => {
  it('gives each datagram with its peer, also an empty one', () => {
    const { receiver, give } = setUp();
    give([
      { from: 1, payload: 'aa' },
      { from: 2, payload: '' },
      { from: 1, payload: 'b' },
    ]);
    expect(texts(receiver.receive(256))).toEqual(['1 aa', '2 ', '1 b']);
    expect(receiver.isDrained).toBe(true);
  });

  it('takes those apart that the kernel has made one of, the last perhaps shorter', () => {
    const { receiver, give } = setUp();
    give([
      { from: 1, payload: 'aabbc', merged: 2 },
      { from: 2, payload: 'dd' },
      { from: 1, payload: 'eeff', merged: 2 },
      { from: 1, payload: 'g', merged: 1 },
    ]);
    expect(texts(receiver.receive(256))).toEqual(['1 aa', '1 bb', '1 c', '2 dd', '1 ee', '1 ff', '1 g']);
  });

  it('keeps each in memory that the next call does not write to', () => {
    const { receiver, give } = setUp();
    give([{ from: 1, payload: 'aabb', merged: 2 }]);
    const first = receiver.receive(256);
    give([{ from: 1, payload: 'xxyy', merged: 2 }]);
    receiver.receive(256);
    expect(texts(first)).toEqual(['1 aa', '1 bb']);
  });

  it('takes no other remark of the kernel for a size, and forgets the last one', () => {
    const { receiver, give } = setUp();
    give([{ from: 1, payload: 'aabb', merged: 2 }]);
    receiver.receive(256);
    give([{ from: 1, payload: 'aabb' }]);
    expect(texts(receiver.receive(256))).toEqual(['1 aabb']);
    give([{ from: 1, payload: 'aabb', merged: 2, level: SOL_SOCKET }]);
    expect(texts(receiver.receive(256))).toEqual(['1 aabb']);
    // None that the kernel makes: what is no size cuts nothing.
    give([
      { from: 1, payload: 'aabb', merged: 0 },
      { from: 1, payload: 'ccdd', merged: -1 },
    ]);
    expect(texts(receiver.receive(256))).toEqual(['1 aabb', '1 ccdd']);
  });

  it('says of the last one alone that it is cut', () => {
    const { receiver, give } = setUp();
    give([
      { from: 1, payload: 'aabb', merged: 3, flags: MSG_TRUNC },
      { from: 1, payload: 'cc', flags: MSG_TRUNC },
    ]);
    expect(receiver.receive(256).map(({ isTruncated }) => isTruncated)).toEqual([undefined, true, true]);
  });

  it('asks for few messages while they hold many datagrams, and for many again once they do not', () => {
    const { receiver, kernel, give } = setUp();
    const full = { from: 1, payload: 'x'.repeat(64), merged: 1 };
    for (const most of [256, 256, 130, 64]) {
      give(Array.from({ length: 64 }, () => full));
      receiver.receive(most);
      expect(receiver.isDrained).toBe(false);
    }
    give([{ from: 1, payload: 'x' }]);
    receiver.receive(256);
    receiver.receive(256);
    expect(kernel.asked).toEqual([64, 4, 2, 1, 4, 64]);
  });

  it('has nothing where nothing has come, and throws what the socket has to tell', () => {
    const { receiver, give } = setUp();
    for (const errno of [EAGAIN, EINTR]) {
      give(-errno);
      expect([receiver.receive(256), receiver.isDrained]).toEqual([[], true]);
    }
    give(-EBADF);
    let thrown: unknown;
    try {
      receiver.receive(256);
    } catch (error) {
      thrown = error;
    }
    expect(errnoOf(thrown as Error)).toBe('EBADF');
  });

  it('has them merged where there is room for the largest alone', () => {
    expect(setUp().isMerging()).toBe(true);
    expect(setUp(1000).isMerging()).toBe(false);
  });

  function setUp(slotBytes?: number) {
    const kernel = new FakeKernel();
    const libc = kernel.libc(() => 0);
    let isMerging = false;
    const receiver = new BatchReceiver({
      libc,
      descriptor: { fd: 3, takeMerged: () => (isMerging = true) } as unknown as Descriptor,
      slab: new MessageSlab(libc, slotBytes),
      peers: new AddressBook(libc, AF_INET),
    });
    const give = (arriving: readonly ArrivingMessage[] | number): void => {
      kernel.arriving = arriving;
    };
    return { receiver, kernel, give, isMerging: () => isMerging };
  }
});

function texts(batch: ReturnType<BatchReceiver['receive']>): string[] {
  return batch.map(({ data, peer }) => `${peer.address.split('.')[3]} ${data.toString()}`);
}
