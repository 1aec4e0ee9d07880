import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PeerAddress } from '../../../src/common/peer-address.js';
import { BatchDatagramSocket } from '../../../src/endpoint/batch/batch-datagram-socket.js';
import { loadLibc, type Interest, type Libc, type PollListener } from '../../../src/endpoint/batch/libc.js';
import { createMemory } from '../../../src/endpoint/batch/thread-memory.js';
import type { ReceivedDatagram } from '../../../src/endpoint/datagram-socket.js';
import { errnoOf } from '../../../src/endpoint/endpoint.errors.js';
import { SeededRandom } from '../../../src/testing/seeded-random.js';
import { resolveSocketOptions } from '../../../src/endpoint/socket.options.js';

const { EAGAIN, EBADF, ECONNREFUSED, EINTR, ENOMEM } = constants.errno;

describe('BatchDatagramSocket', () => {
  let real: Libc;
  const open: BatchDatagramSocket[] = [];
  beforeAll(async () => {
    real = await loadLibc();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(open.splice(0).map((socket) => socket.close()));
  });

  it('says that a datagram is cut, and gives what there was room for', async () => {
    const { local, received, socket } = await bound({}, 100);
    await Promise.all([100, 101, 3].map((bytes) => fateOf(socket, Buffer.alloc(bytes, bytes), local)));
    await until(() => received.length === 3);
    expect(received.map(({ data, isTruncated }) => [data.length, isTruncated])).toEqual([
      [100, undefined],
      [100, true],
      [3, undefined],
    ]);
  });

  it('reads addresses of IPv6 whole where those of IPv4 were read before', async () => {
    const memory = createMemory(real);
    const four = await bound({}, undefined, { memory });
    const six = await bound({}, undefined, { memory, address: '::1' });
    await fateOf(four.socket, Buffer.from('x'), four.local);
    await until(() => four.received.length === 1);
    await fateOf(six.socket, Buffer.from('x'), six.local);
    await until(() => six.received.length === 1);
    expect([four, six].map(({ received }) => received[0]!.peer.key)).toEqual([four.local.key, six.local.key]);
  });

  it('brings what was sent in runs whole, each for itself and in order', async () => {
    const random = new SeededRandom(20_261_129);
    const { received, local } = await bound();
    const senders = [await bound(), await bound()];
    const sent = senders.map((): string[] => []);
    for (let round = 0; round < 40; round++) {
      const number = round % 2;
      const bytes = 1 + Math.floor(random.next() * (random.next() < 0.5 ? 20 : 1400));
      const run = Array.from({ length: 1 + Math.floor(random.next() * 64) }, (_, index) =>
        Buffer.alloc(random.next() < 0.02 ? Math.ceil(bytes / 2) : bytes, `${round}.${index};`),
      );
      sent[number]!.push(...run.map(String));
      const { socket } = senders[number]!;
      const fates = run.map((data) => fateOf(socket, data, local));
      expect(new Set(await Promise.all(fates))).toEqual(new Set(['left']));
      await until(() => received.length === sent.flat().length);
    }
    expect(
      senders.map(({ local: { key } }) =>
        received.filter(({ peer }) => peer.key === key).map(({ data }) => data.toString()),
      ),
    ).toEqual(sent);
    expect(received.some(({ isTruncated }) => isTruncated)).toBe(false);
  });

  it('lets promises run between a few datagrams that take long, and reads no more in that turn', async () => {
    const { mostCalls, portions } = await fullSocket(0.3);
    expect(mostCalls).toBe(1);
    expect(portions.length).toBeGreaterThanOrEqual(16);
    expect(new Set(portions)).toEqual(new Set([4]));
  });

  it('hands on more at a time where that takes little, half of a batch at the most, for so many calls', async () => {
    const { mostCalls, portions } = await fullSocket(0.001);
    expect(mostCalls).toBe(4);
    expect(portions[0]).toBe(4);
    expect(Math.max(...portions)).toBe(32);
  });

  /** Reads for five turns of a socket that is as full as it can be. @param eachMs what a datagram takes */
  async function fullSocket(eachMs: number): Promise<{ mostCalls: number; portions: readonly number[] }> {
    let nowMs = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const calls: number[] = [];
    const portions: number[] = [];
    let turn = 0;
    let isOver = false;
    const { received, local } = await bound({
      recvmmsg: (...args) => {
        if (isOver) return real.recvmmsg(...args);
        calls.push(turn);
        return 64;
      },
    });
    let sinceLast = 0;
    received.push = (...batch) => {
      if (sinceLast === 0) {
        queueMicrotask(() => {
          portions.push(sinceLast);
          sinceLast = 0;
        });
      }
      sinceLast += batch.length;
      nowMs += batch.length * eachMs;
      return 0;
    };
    const other = await bound();
    await fateOf(other.socket, Buffer.from('x'), local);
    for (; turn < 5; turn++) await nextTurn();
    isOver = true;
    const perTurn = [0, 1, 2, 3, 4].map((nth) => calls.filter((at) => at === nth).length);
    return { mostCalls: Math.max(...perTurn), portions };
  }

  it('waits until the kernel has room, and tells nobody of it', async () => {
    let isFull = true;
    const interests: Interest[] = [];
    let errno = 0;
    const { socket, local, received } = await bound({
      sendmmsg: (...args) => {
        if (!isFull) return real.sendmmsg(...args);
        errno = EAGAIN;
        return -1;
      },
      errno: () => errno || real.errno(),
      poll: (fd, interest, onEvent) => {
        const poll = real.poll(fd, interest, onEvent);
        return {
          start: (next: Interest, listener: PollListener) => {
            interests.push(next);
            isFull = false;
            errno = 0;
            poll.start(next, listener);
          },
          close: () => poll.close(),
        };
      },
    });
    const fates = ['a', 'b', 'c'].map((text) => fateOf(socket, Buffer.from(text), local));
    expect(await Promise.all(fates)).toEqual(['left', 'left', 'left']);
    await until(() => received.length === 3);
    expect(received.map(({ data }) => data.toString())).toEqual(['a', 'b', 'c']);
    expect(interests).toEqual([
      { readable: true, writable: true },
      { readable: true, writable: false },
    ]);
  });

  it('fails what the kernel has had no room for when it closes', async () => {
    const { socket, local } = await bound({ sendmmsg: () => -1, errno: () => EAGAIN });
    const fate = fateOf(socket, Buffer.from('x'), local);
    await socket.close();
    expect(await fate).toBe('UDP_ENDPOINT_CLOSED');
  });

  it.each([
    [ENOMEM, ['ENOMEM']],
    [EAGAIN, []],
    [EINTR, []],
  ])('tells of error %d of reading: %j', async (errno, expected) => {
    let isFailing = true;
    const { errors, local, received } = await bound({
      recvmmsg: (...args) => (isFailing ? -1 : real.recvmmsg(...args)),
      errno: () => {
        const isFirst = isFailing;
        isFailing = false;
        return isFirst ? errno : real.errno();
      },
    });
    const other = await bound();
    await fateOf(other.socket, Buffer.from('x'), local);
    // What was there is read once more, and nothing is lost.
    await until(() => received.length === 1);
    expect(errors.map(errnoOf)).toEqual(expected);
  });

  it('goes on watching after an error of the socket', async () => {
    let started = 0;
    let listener: PollListener | undefined;
    const { errors, local, received } = await bound({
      poll: (fd, interest, onEvent) => {
        listener = onEvent;
        const poll = real.poll(fd, interest, onEvent);
        return {
          start: (next: Interest, again: PollListener) => {
            started++;
            poll.start(next, again);
          },
          close: () => poll.close(),
        };
      },
    });
    listener?.(-EBADF, { readable: false, writable: false });
    await nextTurn();
    expect(started).toBe(1);
    const other = await bound();
    await fateOf(other.socket, Buffer.from('x'), local);
    await until(() => received.length === 1);
    expect(errors).toEqual([]);
    expect(ECONNREFUSED).toBeGreaterThan(0);
  });

  it('lets the event loop go on while somebody sends whenever something has left', async () => {
    const { socket, local, received } = await bound();
    let left = 0;
    let isOver = false;
    const done = (): void => {
      left++;
      if (!isOver) socket.send([{ data: Buffer.alloc(1), peer: local, done }]);
    };
    done();
    const perTurn: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const before = left;
      await nextTurn();
      perTurn.push(left - before);
    }
    isOver = true;
    expect(received.length).toBeGreaterThan(0);
    // 256, and once more for each of the reads of a turn: not more and more of them.
    expect(Math.max(...perTurn)).toBeLessThan(256 * 6);
  });

  it('makes no noise while it waits for room to close', async () => {
    let polls = 0;
    const { socket, local } = await bound({
      sendmmsg: () => -1,
      errno: () => EAGAIN,
      poll: (fd, interest, onEvent) => {
        const counting: PollListener = (...args) => {
          polls++;
          onEvent(...args);
        };
        const poll = real.poll(fd, interest, counting);
        return {
          // As on a socket whose buffer stays full: it is never writable.
          start: ({ readable }: Interest) => poll.start({ readable, writable: false }, counting),
          close: () => poll.close(),
        };
      },
    });
    const fate = fateOf(socket, Buffer.from('x'), local);
    const closed = socket.close();
    const other = await bound();
    await fateOf(other.socket, Buffer.from('y'), local);
    await closed;
    expect(await fate).toBe('UDP_ENDPOINT_CLOSED');
    expect(polls).toBeLessThan(10);
  });

  it('leaves no descriptor open, and closes none twice', async () => {
    const closed: number[] = [];
    const close = (fd: number): number => {
      closed.push(fd);
      return real.close(fd);
    };
    const before = descriptors();
    for (let nth = 0; nth < 50; nth++) {
      const { socket } = await bound({ close });
      const { fd } = socket.unwrap();
      await Promise.all([socket.close(), socket.close()]);
      expect(socket.unwrap()).toEqual({ fd: -1 });
      expect(closed).toEqual([fd]);
      closed.length = 0;
      // One that cannot be bound is given back too.
      const failing = new BatchDatagramSocket(
        { ...real, close },
        createMemory(real, 64),
        resolveSocketOptions({}, '192.0.2.1', undefined, undefined),
        { onDatagrams: () => undefined, onError: () => undefined },
      );
      await expect(failing.bind('192.0.2.1', 0)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
      await failing.close();
      expect(closed).toHaveLength(1);
      closed.length = 0;
    }
    await nextTurn();
    expect(descriptors()).toBe(before);
  });

  async function bound(
    others: Partial<Libc> = {},
    slotBytes?: number,
    { memory = createMemory(real, slotBytes), address: own = '127.0.0.1' } = {},
  ) {
    const libc = { ...real, ...others };
    const received: ReceivedDatagram[] = [];
    const errors: Error[] = [];
    const socket = new BatchDatagramSocket(
      libc,
      memory,
      resolveSocketOptions({}, own, undefined, undefined),
      {
        onDatagrams: (batch) => void received.push(...batch),
        onError: (error) => void errors.push(error),
      },
    );
    open.push(socket);
    const { address, port } = await socket.bind(own, 0);
    return { socket, received, errors, local: PeerAddress.of(address, port) };
  }
});

function fateOf(socket: BatchDatagramSocket, data: Buffer, peer: PeerAddress): Promise<string> {
  return new Promise((resolve) => {
    const done = (error?: Error): void => resolve(error === undefined ? 'left' : errnoOf(error));
    socket.send([{ data, peer, done }]);
  });
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn();
}
