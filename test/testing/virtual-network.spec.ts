import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { DatagramSocket, ReceivedDatagram } from '../../src/endpoint/datagram-socket.js';
import { EndpointClosedError } from '../../src/endpoint/endpoint.errors.js';
import { resolveSocketOptions, type UdpSocketOptions } from '../../src/endpoint/socket.options.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork, type NetworkConditions } from '../../src/testing/virtual-network.js';

describe('VirtualNetwork', () => {
  it('carries a datagram from one machine to another, after the delay', async () => {
    const { clock, socket } = world({ delayMs: 25 });
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    await a.sendTo(b, 'hello');
    await clock.advance(24.9);
    expect(b.texts).toEqual([]);
    await clock.advance(0.1);
    expect(b.texts).toEqual(['hello']);
    expect(b.received[0]?.peer.key).toBe(a.local.key);
  });

  it('gives the receiver bytes of its own', async () => {
    const { clock, socket } = world({ duplicate: 1 });
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    const data = Buffer.from('first');
    await a.sendTo(b, data);
    data.fill('x');
    await clock.advance(0);
    b.received[0]?.data.fill('y');
    expect(b.texts).toEqual(['yyyyy', 'first']);
  });

  it('carries the empty datagram and the largest one', async () => {
    const { clock, socket } = world();
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    await a.sendTo(b, '');
    await a.sendTo(b, Buffer.alloc(65_507));
    await clock.advance(0);
    expect(b.received.map(({ data }) => data.length)).toEqual([0, 65_507]);
  });

  it('keeps the order where it neither delays nor reorders', async () => {
    const { clock, socket } = world({ delayMs: 5 });
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    for (let index = 0; index < 50; index++) await a.sendTo(b, String(index));
    await clock.advance(5);
    expect(b.texts).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
  });

  it('overtakes what it reorders', async () => {
    const { clock, network, socket } = world({ reorder: 1 });
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    await a.sendTo(b, 'first');
    network.change({ reorder: 0 });
    await a.sendTo(b, 'second');
    await clock.advance(10);
    expect(b.texts).toEqual(['second', 'first']);
  });

  it('picks delays from the range', async () => {
    const { clock, socket } = world({ delayMs: [10, 20], seed: 4 });
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    for (let index = 0; index < 200; index++) await a.sendTo(b, 'x');
    await clock.advance(9.9);
    expect(b.texts).toHaveLength(0);
    await clock.advance(5.1);
    expect(Math.abs(b.texts.length - 100)).toBeLessThan(40);
    await clock.advance(5);
    expect(b.texts).toHaveLength(200);
  });

  it('loses and repeats the shares asked for, and counts every datagram', async () => {
    const { clock, network, socket } = world({ loss: 0.3, duplicate: 0.1, seed: 11 });
    const a = await socket('10.0.0.1');
    const b = await socket('10.0.0.2');
    for (let index = 0; index < 2000; index++) await a.sendTo(b, 'x');
    await clock.advance(0);
    const { sent, delivered, lost, duplicated, undeliverable } = network.counters;
    expect(sent).toBe(2000);
    expect(Math.abs(lost - 600)).toBeLessThan(80);
    expect(Math.abs(duplicated - 140)).toBeLessThan(40);
    expect(delivered).toBe(b.texts.length);
    expect(delivered + lost + undeliverable).toBe(sent + duplicated);
  });

  it('does the same again from the same seed', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const { clock, socket } = world({ loss: 0.2, duplicate: 0.2, reorder: 0.2, delayMs: [0, 50], seed });
      const a = await socket('10.0.0.1');
      const b = await socket('10.0.0.2');
      for (let index = 0; index < 100; index++) await a.sendTo(b, String(index));
      await clock.advance(100);
      return b.texts;
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  it('describes itself in one line with its seed', () => {
    const network = new VirtualNetwork({ clock: new ManualClock(), loss: 0.1, delayMs: [1, 2], seed: 9 });
    expect(network.describe()).toBe('loss 0.1, duplicate 0, reorder 0, delay 1 to 2 ms, seed 9');
    const { seed } = new VirtualNetwork({ clock: new ManualClock() });
    expect(Number.isInteger(seed)).toBe(true);
  });

  it.each([{ loss: -0.1 }, { duplicate: 1.1 }, { reorder: NaN }])('refuses %p', (conditions) => {
    expect(() => new VirtualNetwork({ clock: new ManualClock(), ...conditions })).toThrow(RangeError);
  });

  describe('bind', () => {
    it('picks free ports from 49152 on', async () => {
      const { socket } = world();
      expect((await socket('10.0.0.1')).local.port).toBe(49_152);
      expect((await socket('10.0.0.1')).local.port).toBe(49_153);
      expect((await socket('10.0.0.2')).local.port).toBe(49_152);
    });

    it('refuses a port that is taken with EADDRINUSE, until that socket is closed', async () => {
      const { socket } = world();
      const first = await socket('10.0.0.1', { port: 5000 });
      await expect(socket('10.0.0.1', { port: 5000 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
      await expect(socket('10.0.0.2', { port: 5000 })).resolves.toBeDefined();
      await first.close();
      await expect(socket('10.0.0.1', { port: 5000 })).resolves.toBeDefined();
    });

    it('gives a port to the last socket when all of its sockets reuse the address', async () => {
      const { clock, socket } = world();
      const options = { port: 5000, reuseAddr: true };
      const first = await socket('10.0.0.1', options);
      const second = await socket('10.0.0.1', options);
      const client = await socket('10.0.0.2');
      await client.sendTo(second, 'x');
      await clock.advance(0);
      expect([first.texts, second.texts]).toEqual([[], ['x']]);
    });

    it.each([
      ['EADDRNOTAVAIL', '10.0.0.9', {}],
      ['EINVAL', '::1', {}],
      ['EINVAL', '10.0.0.1', { type: 'udp6' }],
    ] as const)('refuses with %s to bind %s (%p)', async (code, bindTo, options) => {
      const { socket } = world();
      await expect(socket('10.0.0.1', { bindTo, ...options })).rejects.toMatchObject({ code });
    });

    it.each(['0.0.0.0', '127.0.0.1', '10.0.0.1'])(
      'takes %s for the one address of a machine',
      async (bindTo) => {
        const { socket } = world();
        expect((await socket('10.0.0.1', { bindTo })).local.address).toBe('10.0.0.1');
      },
    );
  });

  describe('send', () => {
    it.each([
      ['EMSGSIZE', PeerAddress.of('10.0.0.2', 5000), 65_508],
      ['EINVAL', PeerAddress.of('::1', 5000), 1],
      ['ERR_SOCKET_BAD_PORT', PeerAddress.of('10.0.0.2', 0), 1],
    ])('tells %s for %s and %p bytes', async (code, peer, bytes) => {
      const { network, socket } = world();
      const a = await socket('10.0.0.1');
      await expect(a.sendTo({ local: peer }, Buffer.alloc(bytes))).rejects.toMatchObject({ code });
      expect(network.counters.sent).toBe(0);
    });

    it('tells each datagram its fate once, and later', async () => {
      const { socket } = world();
      const a = await socket('10.0.0.1');
      let calls = 0;
      const datagram = { data: Buffer.from('x'), peer: a.local, done: () => void calls++ };
      a.raw.send([datagram, datagram]);
      expect(calls).toBe(0);
      await Promise.resolve();
      expect(calls).toBe(2);
    });

    it('is refused once the socket is closed', async () => {
      const { socket } = world();
      const a = await socket('10.0.0.1');
      await a.close();
      await a.close();
      await expect(a.sendTo(a, 'x')).rejects.toBeInstanceOf(EndpointClosedError);
    });

    it('counts what comes where nobody is', async () => {
      const { clock, network, socket } = world({ delayMs: 1 });
      const a = await socket('10.0.0.1');
      const b = await socket('10.0.0.2');
      await a.sendTo(b, 'x');
      await b.close();
      await clock.advance(1);
      expect(b.texts).toEqual([]);
      expect(a.errors).toEqual([]);
      expect(network.counters).toMatchObject({ sent: 1, delivered: 0, undeliverable: 1 });
    });

    it('reaches the machine itself by its loopback address', async () => {
      const { clock, socket } = world();
      const a = await socket('10.0.0.1');
      await a.sendTo({ local: PeerAddress.of('127.0.0.1', a.local.port) }, 'me');
      await clock.advance(0);
      expect(a.texts).toEqual(['me']);
    });
  });

  describe('connect', () => {
    it('lets nobody else through', async () => {
      const { clock, socket } = world();
      const a = await socket('10.0.0.1');
      const b = await socket('10.0.0.2');
      const stranger = await socket('10.0.0.3');
      await a.raw.connect(b.local);
      await b.sendTo(a, 'friend');
      await stranger.sendTo(a, 'stranger');
      await clock.advance(0);
      expect(a.texts).toEqual(['friend']);
    });

    it('hears ECONNREFUSED when nobody has the port', async () => {
      const { clock, socket } = world();
      const a = await socket('10.0.0.1');
      const nobody = PeerAddress.of('10.0.0.2', 5000);
      await a.raw.connect(nobody);
      await a.sendTo({ local: nobody }, 'x');
      await clock.advance(0);
      expect(a.errors).toMatchObject([{ code: 'ECONNREFUSED' }]);
    });

    it('refuses an address of the other family', async () => {
      const { socket } = world();
      const a = await socket('10.0.0.1');
      await expect(a.raw.connect(PeerAddress.of('::1', 1))).rejects.toMatchObject({ code: 'EINVAL' });
    });
  });

  it('speaks IPv6', async () => {
    const { clock, socket } = world();
    const a = await socket('2001:db8::1', { type: 'udp6', bindTo: '::' });
    const b = await socket('2001:db8::2', { type: 'udp6', bindTo: '::' });
    await a.sendTo(b, 'six');
    await clock.advance(0);
    expect(b.received[0]?.peer.key).toBe(`[2001:db8::1]:${a.local.port}`);
  });
});

interface SocketSetup extends UdpSocketOptions {
  readonly port?: number;
  readonly bindTo?: string;
}

function world(conditions: NetworkConditions & { seed?: number } = {}) {
  const clock = new ManualClock();
  const network = new VirtualNetwork({ clock, ...conditions });
  const socket = async (machine: string, { port = 0, bindTo = machine, ...options }: SocketSetup = {}) => {
    const received: ReceivedDatagram[] = [];
    const errors: Error[] = [];
    const raw: DatagramSocket = network
      .environment(machine)
      .createSocket(resolveSocketOptions(options, machine, undefined, undefined), {
        onDatagrams: (batch) => void received.push(...batch),
        onError: (error) => void errors.push(error),
      });
    const bound = await raw.bind(bindTo, port);
    return {
      raw,
      received,
      errors,
      local: PeerAddress.of(bound.address, bound.port),
      get texts() {
        return received.map(({ data }) => data.toString());
      },
      sendTo: (to: { local: PeerAddress }, data: string | Buffer) =>
        new Promise<void>((resolve, reject) => {
          const done = (error?: Error): void => (error === undefined ? resolve() : reject(error));
          raw.send([{ data: Buffer.isBuffer(data) ? data : Buffer.from(data), peer: to.local, done }]);
        }),
      close: () => raw.close(),
    };
  };
  return { clock, network, socket };
}
