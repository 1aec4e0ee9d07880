import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PeerAddress } from '../common/peer-address.js';
import type { DatagramSocket, DatagramSocketFactory, ReceivedDatagram } from '../endpoint/datagram-socket.js';
import { errnoOf } from '../endpoint/endpoint.errors.js';
import { resolveSocketOptions, type UdpSocketOptions } from '../endpoint/socket.options.js';

/** One promise of {@link DatagramSocket}. */
export interface SocketCheck {
  /** The promise, as a sentence. */
  readonly name: string;
  /** @throws {AssertionError} it is not kept */
  readonly run: (createSocket: DatagramSocketFactory) => Promise<void>;
}

/**
 * What a driver has to keep, on loopback addresses of this machine. Needs no test framework:
 *
 * ```ts
 * it.each(SOCKET_CHECKS)('$name', ({ run }) => run(createSocket));
 * ```
 */
export const SOCKET_CHECKS: readonly SocketCheck[] = [
  check('binds to a free port, and tells where it is', async (lab) => {
    for (const host of ['127.0.0.1', '::1']) {
      const { address } = await lab.open(host);
      assert.equal(address.address, host);
      assert.equal(address.family, host === '::1' ? 'IPv6' : 'IPv4');
      assert.ok(address.port > 0);
    }
  }),

  check('refuses an address that is taken, is not here, or is of the other family', async (lab) => {
    const { address } = await lab.open();
    assert.equal(await lab.bindError('127.0.0.1', address.port), 'EADDRINUSE');
    assert.equal(await lab.bindError('192.0.2.1'), 'EADDRNOTAVAIL');
    assert.equal(await lab.bindError('::1', 0, { type: 'udp4' }), 'EINVAL');
    assert.equal(await lab.bindError('127.0.0.1', 0, { type: 'udp6' }), 'EINVAL');
  }),

  check('shares an address only with a socket that shares it too', async (lab) => {
    const { address } = await lab.open('127.0.0.1', { reuseAddr: true });
    assert.equal(await lab.bindError('127.0.0.1', address.port), 'EADDRINUSE');
    await lab.open('127.0.0.1', { reuseAddr: true }, address.port);
    const own = await lab.open();
    assert.equal(await lab.bindError('127.0.0.1', own.address.port, { reuseAddr: true }), 'EADDRINUSE');
  }),

  check('carries datagrams of 0 to 65507 bytes, whole and in order', async (lab) => {
    for (const host of ['127.0.0.1', '::1']) {
      const [from, to] = [await lab.open(host), await lab.open(host)];
      for (const sizes of [[0], [1, 0, 1232], [1472, 9000], [65_507], [65_507]]) {
        to.received.length = 0;
        await from.sendAll(sizes.map((bytes) => [numbered(bytes), to.peer]));
        await to.receives(sizes.length);
        assert.deepEqual(
          to.received.map(({ data }) => data),
          sizes.map((bytes) => numbered(bytes)),
        );
        assert.deepEqual(new Set(to.received.map(({ peer }) => peer.key)), new Set([from.peer.key]));
      }
    }
  }),

  check('carries what is written when it leaves, whole and in order', async (lab) => {
    const [from, to] = [await lab.open(), await lab.open()];
    const sizes = [0, 1, 1232, 1232, 1232, 7, 40_000, 1232];
    let left = 0;
    const batch = sizes.map((bytes, nth) => {
      const data = numbered(bytes, nth);
      const writeTo = (target: Buffer, at: number): void => target.set(data, at);
      const lazy = { length: bytes, writeTo, toBytes: () => data };
      // Between such that are written already.
      return { data, lazy: nth % 3 === 2 ? undefined : lazy, peer: to.peer, done: () => void left++ };
    });
    from.socket.send(batch);
    await to.receives(sizes.length);
    assert.deepEqual(
      to.received.map(({ data }) => data),
      sizes.map(numbered),
    );
    while (left < sizes.length) await nextTurn();
    assert.equal(left, sizes.length);
  }),

  check('tells each datagram of a batch its fate, once and in order', async (lab) => {
    const { socket, peer, receives } = await lab.open();
    const told: string[] = [];
    const wrong = PeerAddress.of('::1', peer.port);
    const batch = [
      ['a', numbered(1), peer],
      ['b', numbered(2), wrong],
      ['c', Buffer.alloc(65_508), peer],
      ['d', Buffer.alloc(70_000), peer],
      ['e', numbered(3), PeerAddress.of('127.0.0.1', 70_000)],
      ['f', numbered(4), peer],
      ['g', numbered(4), peer],
    ] as const;
    await new Promise<void>((resolve) => {
      const done = (name: string, error: Error | undefined): void => {
        told.push(`${name} ${error === undefined ? 'left' : errnoOf(error)}`);
        if (told.length === batch.length) resolve();
      };
      socket.send(batch.map(([name, data, to]) => ({ data, peer: to, done: (error) => done(name, error) })));
    });
    await receives(3);
    assert.deepEqual(told.map((fate) => fate.replace('ERR_SOCKET_BAD_PORT', 'EINVAL')).sort(), [
      'a left',
      'b EINVAL',
      'c EMSGSIZE',
      'd EMSGSIZE',
      'e EINVAL',
      'f left',
      'g left',
    ]);
    assert.deepEqual(
      told.filter((fate) => fate.endsWith('left')),
      ['a left', 'f left', 'g left'],
    );
  }),

  check('sends as many at once as it is given, each with its own borders', async (lab) => {
    const [from, one, other] = [await lab.open(), await lab.open(), await lab.open()];
    for (const sizes of [
      Array.from({ length: 200 }, () => 100),
      Array.from({ length: 150 }, (_, index) => (index % 7 === 6 ? 20 : 100)),
      Array.from({ length: 40 }, (_, index) => 100 + index),
      [1232, 1232, 1232, 500, 1232, 0, 0, 5, 5, 6],
    ]) {
      one.received.length = other.received.length = 0;
      const datagrams = sizes.map((bytes, index) => numbered(bytes, index));
      // To one peer in a row, and then from one to the other.
      await from.sendAll(datagrams.map((data) => [data, one.peer]));
      await one.receives(sizes.length);
      assert.deepEqual(
        one.received.map(({ data }) => data),
        datagrams,
      );
      one.received.length = 0;
      await from.sendAll(
        datagrams.flatMap((data) => [[data, one.peer] as const, [data, other.peer] as const]),
      );
      await Promise.all([one.receives(sizes.length), other.receives(sizes.length)]);
      for (const { received } of [one, other]) {
        assert.deepEqual(
          received.map(({ data }) => data),
          datagrams,
        );
      }
    }
  }),

  check('gives bytes away for good: what is kept does not change', async (lab) => {
    const [from, to] = [await lab.open(), await lab.open()];
    const sent: Buffer[] = [];
    for (let round = 0; round < 8; round++) {
      const datagrams = Array.from({ length: 64 }, (_, index) => numbered(64, 64 * round + index));
      sent.push(...datagrams);
      await from.sendAll(datagrams.map((data) => [data, to.peer]));
      await to.receives(sent.length);
    }
    assert.deepEqual(
      to.received.map(({ data }) => data),
      sent,
    );
    assert.ok(to.received.every(({ data }) => Buffer.isBuffer(data)));
  }),

  check('takes IPv4 on a socket of both families, and answers it', async (lab) => {
    const [both, v4, v6] = [await lab.open('::'), await lab.open(), await lab.open('::1')];
    const { port } = both.address;
    await v4.sendAll([[numbered(4), PeerAddress.of('127.0.0.1', port)]]);
    await v6.sendAll([[numbered(6), PeerAddress.of('::1', port)]]);
    await both.receives(2);
    const peers = both.received.map(({ peer }) => peer);
    assert.deepEqual(peers.map(({ key }) => key).sort(), [v4.peer.key, v6.peer.key].sort());
    await both.sendAll(peers.map((peer) => [numbered(9), peer]));
    await Promise.all([v4.receives(1), v6.receives(1)]);
  }),

  check('keeps to IPv6 when it is told to', async (lab) => {
    const own = await lab.open('::', { ipv6Only: true });
    await lab.open('0.0.0.0', {}, own.address.port);
    const error = await own.fateOf(numbered(1), PeerAddress.of('127.0.0.1', own.address.port));
    assert.equal(error === undefined ? 'left' : errnoOf(error), 'ENETUNREACH');
  }),

  check('hears one peer alone when it is connected', async (lab) => {
    const [asking, server, stranger] = [await lab.open(), await lab.open(), await lab.open()];
    await asking.socket.connect(server.peer);
    await stranger.sendAll([[numbered(1), asking.peer]]);
    await asking.sendAll([[numbered(2), server.peer]]);
    await server.receives(1);
    await server.sendAll([[numbered(3), asking.peer]]);
    await asking.receives(1);
    assert.deepEqual(
      asking.received.map(({ data }) => data.length),
      [3],
    );
  }),

  check('tells that nobody listens at the other end, and goes on', async (lab) => {
    const [asking, gone] = [await lab.open(), await lab.open()];
    await asking.socket.connect(gone.peer);
    await gone.socket.close();
    for (let heard = 0; heard < 3;) {
      const error = await asking.fateOf(numbered(1), gone.peer);
      await nextTurn();
      const told = [error, ...asking.errors.splice(0)].filter((one) => one !== undefined);
      for (const one of told) assert.equal(errnoOf(one), 'ECONNREFUSED');
      heard += told.length;
    }
    const back = await lab.open('127.0.0.1', {}, gone.address.port);
    // What was refused before may be told of the next one.
    while (back.received.length === 0) {
      await asking.fateOf(numbered(2), back.peer);
      await nextTurn();
    }
    await back.sendAll([[numbered(3), asking.peer]]);
    await asking.receives(1);
  }),

  check('asks the kernel for buffers, and for leave to broadcast', async (lab) => {
    const [usual, large] = [await lab.open(), await lab.open('127.0.0.1', { broadcast: true }, 0, 32_768)];
    const to = PeerAddress.of('127.255.255.255', 9);
    // Linux doubles what it grants: socket(7), SO_RCVBUF.
    const granted = process.platform === 'linux' ? 65_536 : 32_768;
    assert.deepEqual(large.socket.bufferSizes(), { recv: granted, send: granted });
    assert.equal(errnoOf(await usual.fateOf(numbered(1), to)), 'EACCES');
    assert.equal(await large.fateOf(numbered(1), to), undefined);
  }),

  check('hears the group that it has joined', async (lab) => {
    const group = '239.255.7.7';
    const multicast = { groups: [{ group, interface: '127.0.0.1' }] };
    const member = await lab.open('0.0.0.0', { multicast });
    const from = await lab.open('127.0.0.1', {
      multicast: { interface: '127.0.0.1', ttl: 0, loopback: true },
    });
    await from.sendAll([[numbered(5), PeerAddress.of(group, member.address.port)]]);
    await member.receives(1);
    assert.equal(await lab.bindError('0.0.0.0', 0, { multicast: { groups: ['127.0.0.1'] } }), 'EINVAL');
    assert.equal(await lab.bindError('0.0.0.0', 0, { multicast: { interface: 'lo' } }), 'EINVAL');
    assert.equal(await lab.bindError('::', 0, { multicast: { interface: 'lo' } }), 'EINVAL');
    // One of both families joins groups of both.
    await lab.open('::', { multicast: { groups: [{ group, interface: '127.0.0.1' }] } });
  }),

  check('lets what was sent leave before it closes, and takes nothing after', async (lab) => {
    const [from, to] = [await lab.open(), await lab.open()];
    const before = from.sendAll(Array.from({ length: 100 }, () => [numbered(10), to.peer]));
    const closed = from.socket.close();
    const late = await from.fateOf(numbered(10), to.peer);
    assert.equal(errnoOf(late), 'UDP_ENDPOINT_CLOSED');
    await Promise.all([before, closed, from.socket.close()]);
    await to.receives(100);
    // The port is free again.
    await lab.open('127.0.0.1', {}, from.address.port);
  }),

  check('can be closed by whoever is told of a datagram', async (lab) => {
    const [from, to] = [await lab.open(), await lab.open()];
    to.onDatagram = () => void to.socket.close();
    await from.sendAll(Array.from({ length: 10 }, () => [numbered(10), to.peer]));
    await to.heard();
    await to.socket.close();
    await lab.open('127.0.0.1', {}, to.address.port);
    const other = await lab.open();
    await new Promise<void>((resolve) => {
      const done = (): void => void from.socket.close().then(resolve);
      from.socket.send([{ data: numbered(1), peer: other.peer, done }]);
    });
    await other.receives(1);
  }),

  check('takes what is sent by whoever is told of a datagram', async (lab) => {
    const [from, to] = [await lab.open(), await lab.open()];
    let left = 0;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        if (++left === 600) resolve();
        else from.socket.send([{ data: numbered(8, left), peer: to.peer, done }]);
      };
      from.socket.send([{ data: numbered(8), peer: to.peer, done }]);
    });
    assert.equal(left, 600);
  }),
];

/** Runs all of {@link SOCKET_CHECKS}. @throws {AssertionError} the first promise that is not kept */
export async function runSocketConformance(createSocket: DatagramSocketFactory): Promise<void> {
  for (const { run } of SOCKET_CHECKS) await run(createSocket);
}

function check(name: string, task: (lab: Lab) => Promise<void>): SocketCheck {
  return {
    name,
    run: async (createSocket) => {
      const lab = new Lab(createSocket);
      try {
        await task(lab);
      } catch (error) {
        if (error instanceof Error) error.message = `${name}: ${error.message}`;
        throw error;
      } finally {
        await lab.close();
      }
    },
  };
}

/** Opens sockets, and closes them. */
class Lab {
  readonly #open: DatagramSocket[] = [];

  constructor(private readonly createSocket: DatagramSocketFactory) {}

  async open(host = '127.0.0.1', options: UdpSocketOptions = {}, port = 0, bufferBytes?: number) {
    const subject = new Subject();
    const socket = await this.createSocket(
      resolveSocketOptions(options, host, bufferBytes, bufferBytes, 'auto', port),
      {
        onDatagrams: (batch) => subject.take(batch),
        onError: (error) => void subject.errors.push(error),
      },
    );
    this.#open.push(socket);
    const address = await socket.bind(host, port);
    return Object.assign(subject, { socket, address, peer: PeerAddress.of(address.address, address.port) });
  }

  async bindError(host: string, port = 0, options: UdpSocketOptions = {}): Promise<string> {
    try {
      await this.open(host, options, port);
      return 'bound';
    } catch (error) {
      return errnoOf(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((socket) => socket.close()));
  }
}

/** A socket, and what it has told. */
class Subject {
  declare readonly socket: DatagramSocket;
  readonly received: ReceivedDatagram[] = [];
  readonly errors: Error[] = [];
  onDatagram: () => void = () => undefined;

  readonly take = (batch: readonly ReceivedDatagram[]): void => {
    assert.ok(batch.length > 0, 'an empty batch');
    this.received.push(...batch);
    this.onDatagram();
  };

  /** Resolves when something has come. */
  async heard(): Promise<void> {
    while (this.received.length === 0) await nextTurn();
  }

  readonly receives = async (count: number): Promise<void> => {
    while (this.received.length < count) await nextTurn();
    assert.equal(this.received.length, count);
  };

  fateOf(data: Uint8Array, peer: PeerAddress): Promise<Error | undefined> {
    return new Promise((resolve) => this.socket.send([{ data, peer, done: resolve }]));
  }

  /** Resolves when all have left. */
  async sendAll(datagrams: readonly (readonly [data: Uint8Array, peer: PeerAddress])[]): Promise<void> {
    let left = datagrams.length;
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error): void => {
        if (error !== undefined) reject(error);
        else if (--left === 0) resolve();
      };
      this.socket.send(datagrams.map(([data, peer]) => ({ data, peer, done })));
    });
  }
}

/** Bytes that tell which datagram they are. */
function numbered(bytes: number, number = bytes): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, index) => (number + index) % 251));
}
