import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createSocket, type Socket } from 'node:dgram';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import {
  BindError,
  EndpointClosedError,
  HostNotFoundError,
  MessageTooLargeError,
  QueueOverflowError,
  SendFailedError,
} from '../../src/endpoint/endpoint.errors.js';
import { systemEnvironment } from '../../src/endpoint/udp-environment.js';
import { Probes, rejection } from './fixture.js';

/** On the loopback interface of this machine, with the kernel's own errors. */
describe.each(['node', 'batch'] as const)('UdpEndpoint with the %s driver', (driver) => {
  const probes = new Probes(() => systemEnvironment, { driver });
  afterEach(() => probes.close());

  it('carries datagrams both ways, the empty and the largest one too', async () => {
    const [a, b] = await pair();
    await a.endpoint.send(Buffer.from('there'), b.peer);
    await a.endpoint.send(new Uint8Array(0), b.peer);
    await a.endpoint.send(Buffer.alloc(65_507), b.peer);
    await b.receives(3);
    expect(b.received.map(({ data }) => data.length)).toEqual([5, 0, 65_507]);
    expect(b.received[0]?.peer.key).toBe(a.peer.key);
    await b.endpoint.send(Buffer.from('back'), a.peer);
    await a.receives(1);
    expect(a.texts).toEqual(['back']);
    expect(a.endpoint.stats().upload).toMatchObject({ bytes: 65_512, datagrams: 3, drops: {} });
    expect(b.endpoint.stats().download).toMatchObject({ bytes: 65_512, datagrams: 3, drops: {} });
  });

  describe('bind', () => {
    it('picks a free port, tells it, and says that it listens', async () => {
      const probe = probes.make();
      const heard: unknown[] = [];
      probe.events.on('listening', (address) => void heard.push(address));
      expect(probe.endpoint.stats().state).toBe('idle');
      const bound = await probe.endpoint.bind();
      expect(bound).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
      expect(bound.port).toBeGreaterThan(0);
      expect(await probe.endpoint.bind()).toBe(bound);
      expect(heard).toEqual([bound]);
      expect(probe.endpoint.stats()).toMatchObject({ state: 'bound', driver, address: bound });
    });

    it.each([
      ['EADDRINUSE', async () => ({ port: (await probes.bound()).peer.port })],
      ['EADDRNOTAVAIL', async () => ({ host: '192.0.2.1' })],
      ['EINVAL', async () => ({ host: '::1', socket: { type: 'udp4' } as const })],
      ['EINVAL', async () => ({ host: '127.0.0.1', socket: { type: 'udp6' } as const })],
      ['EINVAL', async () => ({ socket: { multicast: { groups: ['127.0.0.1'] } } })],
    ])('is refused with %s', async (errno, setup) => {
      const probe = probes.make(await setup());
      const error = await rejection(probe.endpoint.bind());
      expect(error).toBeInstanceOf(BindError);
      expect(error).toMatchObject({ errno, code: 'UDP_BIND_FAILED' });
      expect(error.message).toContain(errno);
      expect([...probe.errors, ...probe.unobserved]).toEqual([]);
      expect(probe.endpoint.address).toBeUndefined();
    });

    it('of a host that nobody knows is refused', async () => {
      const probe = probes.make({
        host: 'nobody.test',
        socket: { lookup: (_host, _options, callback) => callback(new Error('ENOTFOUND'), '') },
      });
      expect(await rejection(probe.endpoint.bind())).toBeInstanceOf(HostNotFoundError);
    });

    it('of a closed endpoint is refused', async () => {
      const probe = probes.make();
      await probe.endpoint.close();
      expect(await rejection(probe.endpoint.bind())).toBeInstanceOf(EndpointClosedError);
    });

    it('that close() overtakes is refused, and opens nothing', async () => {
      const probe = probes.make();
      const binding = rejection(probe.endpoint.bind());
      await probe.endpoint.close();
      expect(await binding).toBeInstanceOf(EndpointClosedError);
      expect(probe.endpoint.stats().state).toBe('closed');
    });

    it('shares its address with reuseAddr', async () => {
      const first = await probes.bound({ socket: { reuseAddr: true } });
      const second = await probes.bound({ port: first.peer.port, socket: { reuseAddr: true } });
      expect(second.peer.port).toBe(first.peer.port);
    });

    it('reads back the buffer sizes that the kernel granted', async () => {
      const asked = await probes.bound({ recvBufferSize: 65_536, sendBufferSize: '32 KiB' });
      const greedy = await probes.bound({ recvBufferSize: 2 ** 31 - 1, sendBufferSize: 2 ** 31 - 1 });
      const { recvBufferSize, sendBufferSize } = asked.endpoint.stats();
      expect(recvBufferSize).toBeGreaterThanOrEqual(65_536);
      expect(sendBufferSize).toBeGreaterThanOrEqual(32_768);
      expect(recvBufferSize).toBeLessThan(greedy.endpoint.stats().recvBufferSize as number);
    });

    it('applies ttl, broadcast and multicast settings', async () => {
      const probe = await probes.bound({
        host: '0.0.0.0',
        socket: {
          ttl: 9,
          broadcast: true,
          multicast: {
            groups: [{ group: '239.255.7.7', interface: '127.0.0.1' }],
            interface: '127.0.0.1',
            ttl: 0,
            loopback: true,
          },
        },
      });
      const group = PeerAddress.of('239.255.7.7', probe.peer.port);
      await probe.endpoint.send(Buffer.from('all'), group);
      await probe.receives(1);
      expect(probe.texts).toEqual(['all']);
    });
  });

  describe('send', () => {
    it('of more than maxDatagramSize is refused before the kernel sees it', async () => {
      const probe = await probes.bound();
      const error = await rejection(probe.endpoint.send(Buffer.alloc(65_508), probe.peer));
      expect(error).toBeInstanceOf(MessageTooLargeError);
      expect(error).toMatchObject({ bytes: 65_508, limitBytes: 65_507 });
      expect(probe.endpoint.upload.stats().drops).toEqual({ 'too-large': { datagrams: 1, bytes: 65_508 } });
      expect(probe.drops).toMatchObject([{ direction: 'upload', reason: 'too-large', bytes: 65_508 }]);
    });

    it.each([
      ['EINVAL', '::1', 'an address of the other family'],
      ['EACCES', '255.255.255.255', 'socket.broadcast: true'],
    ])('is told %s of %s, with a hint', async (errno, address, hint) => {
      const probe = await probes.bound();
      const error = await rejection(probe.endpoint.send(Buffer.from('x'), PeerAddress.of(address, 9)));
      expect(error).toBeInstanceOf(SendFailedError);
      expect(error).toMatchObject({ errno, code: 'UDP_SEND_FAILED' });
      expect(error.message).toContain(hint);
      expect(probe.endpoint.upload.stats().drops).toEqual({ 'send-failed': { datagrams: 1, bytes: 1 } });
      expect([...probe.errors, ...probe.unobserved]).toEqual([]);
    });

    it('is told a bad port that came past the look-up', async () => {
      const probe = await probes.bound();
      const error = await rejection(probe.endpoint.send(Buffer.from('x'), PeerAddress.of('127.0.0.1', 0)));
      const errno = driver === 'node' ? 'ERR_SOCKET_BAD_PORT' : 'EINVAL';
      expect(error).toMatchObject({ code: 'UDP_SEND_FAILED', errno });
    });

    it.each([0, 65_536, -1, 1.5, NaN])('to port %p is refused where the peer is written', (port) => {
      const probe = probes.make();
      expect(() => probe.endpoint.resolve({ host: '127.0.0.1', port })).toThrow(InvalidOptionError);
    });

    it('a hundred thousand times into a slow limit queues queue.maxBytes and refuses the rest', async () => {
      const probe = await probes.bound({
        upload: { rate: '1 kB/s', burst: 100 },
        queue: { maxBytes: 100_000, maxAge: Infinity },
      });
      let overflows = 0;
      probe.events.on('overflow', () => void overflows++);
      const errors: Promise<Error>[] = [];
      for (let count = 0; count < 100_000; count++) {
        errors.push(rejection(probe.endpoint.send(Buffer.alloc(100), probe.peer)));
      }
      const { queuedBytes, queuedDatagrams, drops } = probe.endpoint.upload.stats();
      expect([queuedBytes, queuedDatagrams]).toEqual([100_000, 1000]);
      expect(drops).toEqual({ overflow: { datagrams: 98_999, bytes: 9_899_900 } });
      expect(overflows).toBe(1);
      await probe.endpoint.close();
      const told = await Promise.all(errors);
      const overflow = told.filter((error) => error instanceof QueueOverflowError);
      expect(overflow).toHaveLength(98_999);
      expect(overflow[0]).toMatchObject({ queuedBytes: 100_000, limitBytes: 100_000, queuedDatagrams: 1000 });
      expect(told.filter((error) => error instanceof EndpointClosedError).length).toBeGreaterThanOrEqual(999);
    });
  });

  describe('connect', () => {
    it('reports that nobody listens, and neither crashes nor makes an error event', async () => {
      const probe = await probes.bound();
      const nobody = await vacantPeer();
      await probe.endpoint.connect(nobody);
      const unreachable = new Promise<Error>((resolve) => (probe.endpoint.onUnreachable = resolve));
      await probe.endpoint.send(Buffer.from('x'), nobody);
      expect(await unreachable).toMatchObject({ code: 'ECONNREFUSED' });
      expect([...probe.errors, ...probe.unobserved]).toEqual([]);
    });

    it('lets no stranger through', async () => {
      const [client, server] = await pair();
      const stranger = await probes.bound();
      await client.endpoint.connect(server.peer);
      await stranger.endpoint.send(Buffer.from('stranger'), client.peer);
      await server.endpoint.send(Buffer.from('friend'), client.peer);
      await client.receives(1);
      expect(client.texts).toEqual(['friend']);
    });

    it('is refused for the other family, and once the endpoint is closed', async () => {
      const probe = await probes.bound();
      const error = await rejection(probe.endpoint.connect(PeerAddress.of('::1', 9)));
      expect(error).toBeInstanceOf(SendFailedError);
      expect(error).toMatchObject({ errno: 'EINVAL' });
      await probe.endpoint.close();
      expect(await rejection(probe.endpoint.connect(probe.peer))).toBeInstanceOf(EndpointClosedError);
    });
  });

  describe('close', () => {
    it('in the tick of a thousand sends lets all of them leave, and leaves none untold', async () => {
      const [a, b] = await pair({ recvBufferSize: '4 MiB' });
      const sends = Array.from({ length: 1000 }, () => a.endpoint.send(Buffer.alloc(10), b.peer));
      const closed = a.endpoint.close();
      const outcomes = await Promise.allSettled(sends);
      await closed;
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1000);
      await b.receives(1000);
      expect(a.endpoint.upload.stats()).toMatchObject({ datagrams: 1000, drops: {} });
    });

    it('in the tick of a thousand sends into a limit tells each what became of it', async () => {
      // So slow that no further datagram earns its way while the loop below runs.
      const [a, b] = await pair({ upload: { rate: 0.001, burst: 5000 }, queue: { maxAge: Infinity } });
      const sends = Array.from({ length: 1000 }, () => a.endpoint.send(Buffer.alloc(10), b.peer));
      const closed = a.endpoint.close();
      const outcomes = await Promise.allSettled(sends);
      await closed;
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(500);
      for (const outcome of outcomes.slice(500)) {
        expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(EndpointClosedError);
      }
      const { datagrams, drops, queuedDatagrams } = a.endpoint.upload.stats();
      expect([datagrams, drops, queuedDatagrams]).toEqual([
        500,
        { closed: { datagrams: 500, bytes: 5000 } },
        0,
      ]);
    });

    it('may be called twice at once and later, and says so once', async () => {
      const probe = await probes.bound();
      let closes = 0;
      probe.events.on('close', () => void closes++);
      await Promise.all([probe.endpoint.close(), probe.endpoint.close()]);
      await probe.endpoint.close();
      expect(closes).toBe(1);
      expect(await rejection(probe.endpoint.send(Buffer.from('x'), probe.peer))).toBeInstanceOf(
        EndpointClosedError,
      );
    });

    it('frees the port', async () => {
      const first = await probes.bound();
      const { port } = first.peer;
      await first.endpoint.close();
      expect((await probes.bound({ port })).peer.port).toBe(port);
    });

    it('of an endpoint that was never bound resolves', async () => {
      await probes.make().endpoint.close();
    });

    it('delivers nothing any more', async () => {
      const [a, b] = await pair();
      await a.endpoint.send(Buffer.from('x'), b.peer);
      await b.endpoint.close();
      expect(b.texts).toEqual([]);
    });

    it('comes with the signal', async () => {
      const controller = new AbortController();
      const probe = await probes.bound({ socket: { signal: controller.signal } });
      const closed = new Promise<void>((resolve) => probe.events.on('close', resolve));
      controller.abort();
      await closed;
      expect(probe.endpoint.closed).toBe(true);
    });

    it('has come when the signal was aborted before', async () => {
      const probe = probes.make({ socket: { signal: AbortSignal.abort() } });
      expect(probe.endpoint.closed).toBe(true);
      expect(await rejection(probe.endpoint.bind())).toBeInstanceOf(EndpointClosedError);
    });

    it('lets go of a signal that lives on', async () => {
      const controller = new AbortController();
      let listeners = 0;
      const { signal } = controller;
      const counted = Object.create(AbortSignal.prototype, {
        aborted: { value: false },
        addEventListener: { value: () => void listeners++ },
        removeEventListener: { value: () => void listeners-- },
      }) as typeof signal;
      const probe = await probes.bound({ socket: { signal: counted } });
      expect(listeners).toBe(1);
      await probe.endpoint.close();
      expect(listeners).toBe(0);
    });
  });

  describe('over IPv6', () => {
    it('reaches a literal address in any spelling', async () => {
      const server = await probes.bound({ host: '::1' });
      const client = await probes.bound({ host: '::1' });
      const peer = await client.endpoint.resolve({ host: '0:0:0:0:0:0:0:1', port: server.peer.port });
      await client.endpoint.send(Buffer.from('six'), peer);
      await server.receives(1);
      await server.endpoint.send(Buffer.from('back'), server.received[0]?.peer as PeerAddress);
      await client.receives(1);
      expect(client.received[0]?.peer.equals(peer)).toBe(true);
    });

    it('shows IPv4 peers of a dual-stack socket as what they are, and answers them', async () => {
      const dual = await probes.bound({ host: '::' });
      const client = await probes.bound();
      await client.endpoint.send(Buffer.from('four'), PeerAddress.of('127.0.0.1', dual.peer.port));
      await dual.receives(1);
      const seen = dual.received[0]?.peer as PeerAddress;
      expect([seen.key, seen.family]).toEqual([client.peer.key, 'IPv4']);
      await dual.endpoint.send(Buffer.from('back'), seen);
      await client.receives(1);
      expect(client.texts).toEqual(['back']);
    });

    it('has no IPv4 with ipv6Only', async () => {
      const probe = await probes.bound({ host: '::', socket: { ipv6Only: true } });
      const error = await rejection(probe.endpoint.send(Buffer.from('x'), PeerAddress.of('127.0.0.1', 9)));
      expect(error).toBeInstanceOf(SendFailedError);
    });
  });

  async function pair(setup: Parameters<Probes['bound']>[0] = {}) {
    return Promise.all([probes.bound(setup), probes.bound(setup)]);
  }
});

describe('UdpEndpoint and the dgram.Socket behind it', () => {
  const probes = new Probes(() => systemEnvironment, { driver: 'node' });
  afterEach(() => probes.close());

  it('is told when the socket was closed through unwrap()', async () => {
    const probe = await probes.bound();
    (probe.endpoint.unwrap() as Socket).close();
    const error = await rejection(probe.endpoint.send(Buffer.from('x'), probe.peer));
    expect(error).toMatchObject({ code: 'UDP_SEND_FAILED', errno: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
    await probe.endpoint.close();
  });

  it('errors of the socket are events, and crash nothing while nobody listens', async () => {
    const probe = await probes.bound();
    const error = Object.assign(new Error('recvmsg ENOMEM'), { code: 'ENOMEM' });
    (probe.endpoint.unwrap() as Socket).emit('error', error);
    expect(probe.unobserved).toEqual([error]);
    probe.events.on('error', (event) => void probe.errors.push(event));
    (probe.endpoint.unwrap() as Socket).emit('error', error);
    expect(probe.errors).toEqual([error]);
  });
});

/** An address of this machine where nobody listens. */
async function vacantPeer(): Promise<PeerAddress> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return PeerAddress.of('127.0.0.1', port);
}
