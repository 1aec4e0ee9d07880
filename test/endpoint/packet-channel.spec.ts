import { afterEach, describe, expect, it } from '@jest/globals';
import type { DatagramCodec } from '../../src/codec/datagram-codec.js';
import { JsonCodec } from '../../src/codec/json.codec.js';
import type { InboundPacket, Packet, PacketId, ReplyPacket } from '../../src/codec/packet.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import {
  EndpointClosedError,
  MessageTooLargeError,
  PeerUnreachableError,
  QueueOverflowError,
  RequestTimeoutError,
  TooManyRequestsError,
} from '../../src/endpoint/endpoint.errors.js';
import { PacketChannel } from '../../src/endpoint/packet-channel.js';
import type { InboundDatagram } from '../../src/endpoint/downlink.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes, rejection, type EndpointSetup } from './fixture.js';

describe('PacketChannel', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  describe('request', () => {
    it('is answered by the server', async () => {
      const { clock, client, ask } = await setUp();
      const answer = ask('sum', [1, 2]);
      expect(client.stats().inFlight).toBe(1);
      await clock.advance(2);
      expect(answer.told).toEqual(['reply {"pattern":"sum","data":[1,2]} @2']);
      expect(client.stats()).toMatchObject({ inFlight: 0, replies: 1, timeouts: 0 });
      await clock.advance(10_000);
      expect(answer.told).toHaveLength(1);
    });

    it('nobody answers fails at the exact instant', async () => {
      const { clock, client, server, ask } = await setUp();
      await server.close();
      const answer = ask('sum', 1);
      await clock.advance(99.999);
      expect(answer.told).toEqual([]);
      await clock.advance(0.001);
      expect(answer.told).toEqual(['RequestTimeoutError @100']);
      expect(answer.error).toBeInstanceOf(RequestTimeoutError);
      expect(answer.error).toMatchObject({ timeoutMs: 100, values: 0 });
      expect(client.stats()).toMatchObject({ inFlight: 0, timeouts: 1 });
      // What is known of the peer is forgotten later.
      await clock.advance(200_000);
      expect(client.stats().exchange).toMatchObject({ peers: 0 });
      expect(clock.pendingTimers).toBe(0);
    });

    it('each has a deadline of its own', async () => {
      const { clock, server, ask } = await setUp();
      server.serve(() => undefined);
      const answers = [300, 100, 200].map((timeoutMs) => ask('x', timeoutMs, { timeoutMs }));
      await clock.advance(1000);
      expect(answers.flatMap(({ told }) => told)).toEqual([
        'RequestTimeoutError @300',
        'RequestTimeoutError @100',
        'RequestTimeoutError @200',
      ]);
    });

    it('may wait for ever', async () => {
      const { clock, server, ask } = await setUp();
      server.serve(() => undefined);
      const answer = ask('x', 1, { timeoutMs: Infinity });
      await clock.advance(1e6);
      expect(answer.told).toEqual([]);
    });

    it('that is given up hears nothing more', async () => {
      const { clock, client, ask } = await setUp();
      const answer = ask('x', 1);
      answer.giveUp();
      answer.giveUp();
      await clock.advance(1000);
      expect(answer.told).toEqual([]);
      expect(client.stats()).toMatchObject({ inFlight: 0, unknownReplies: 1, timeouts: 0 });
    });

    it('ends with an error of an application, of the transport, or a disposal; not with a value', async () => {
      const { clock, client, ask, serve } = await setUp();
      const ends = [
        { err: 'no' },
        { code: 'no-handler', err: 'x' },
        { response: 1, isDisposed: true },
        { response: 1, err: null },
        { response: 1 },
      ];
      serve((packet) => ends[(packet as { data: number }).data] as object);
      const answers = ends.map((_, index) => ask('x', index));
      await clock.advance(2);
      expect(answers.map(({ told }) => told.length)).toEqual([1, 1, 1, 1, 1]);
      expect(client.stats().inFlight).toBe(2);
    });

    it('of an answer that is a stream waits for each value anew', async () => {
      const { clock, client, server, ask } = await setUp();
      const asked: [InboundPacket, InboundDatagram][] = [];
      server.serve((packet, datagram) => void asked.push([packet, datagram]));
      const answer = ask('x', 1, { timeoutMs: 100, streamTimeoutMs: 50 });
      await clock.advance(1);
      const value = (): void => {
        const [packet, datagram] = asked[0] as (typeof asked)[0];
        server.reply({ kind: 'reply', id: idOf(packet), response: clock.now() }, packet, datagram);
      };
      for (const atMs of [90, 130, 170]) {
        await clock.advanceTo(atMs);
        value();
      }
      await clock.advance(1000);
      expect(answer.told).toEqual([
        'reply 90 @91',
        'reply 130 @131',
        'reply 170 @171',
        'RequestTimeoutError @221',
      ]);
      expect(answer.error).toMatchObject({ timeoutMs: 50, values: 3 });
      expect(client.stats()).toMatchObject({ replies: 3, timeouts: 1 });
    });

    it('beyond maxPendingRequests is refused at once, and the others stay', async () => {
      const { clock, ask } = await setUp({ maxPendingRequests: 2 });
      const answers = [ask('a', 1), ask('b', 2), ask('c', 3)];
      expect(answers[2]?.error).toBeInstanceOf(TooManyRequestsError);
      answers[2]?.giveUp();
      await clock.advance(2);
      expect(answers.map(({ told }) => told.length)).toEqual([1, 1, 1]);
      expect(answers[0]?.error).toBeUndefined();
    });

    it('that the codec cannot say fails at once', async () => {
      const { client, ask } = await setUp();
      expect(ask('x', 1n).error).toBeInstanceOf(TypeError);
      expect(client.stats().inFlight).toBe(0);
    });

    it('fails a request whose id the codec cannot make', async () => {
      const codec = idCodec(() => {
        throw new RangeError('out of ids');
      });
      const { ask } = await setUp({ codec });
      expect(ask('x', 1).error).toBeInstanceOf(RangeError);
    });

    it('that is larger than a datagram fails at once', async () => {
      const { client, ask } = await setUp({ sending: { maxDatagramSize: 50 } });
      expect(ask('x', 'y'.repeat(50)).error).toBeInstanceOf(MessageTooLargeError);
      expect(client.stats().inFlight).toBe(0);
    });

    it('whose datagram is dropped fails with the reason, and is not a timeout', async () => {
      const { clock, client, ask } = await setUp({
        sending: { upload: { rate: 1, burst: 1 }, queue: { maxBytes: 10 } },
      });
      ask('first', 1);
      const answer = ask('second', 2);
      expect(answer.error).toBeInstanceOf(QueueOverflowError);
      await clock.advance(10);
      expect(client.stats()).toMatchObject({ inFlight: 0, timeouts: 0 });
    });
  });

  describe('replies that do not count', () => {
    it.each([
      ['from another address', '10.0.0.3', 'foreignReplies'],
      ['from another port of the address', '10.0.0.2', 'foreignReplies'],
    ])('%s are counted and change nothing', async (_what, host, counter) => {
      const { clock, network, client, ask } = await setUp();
      const forger = await probes(network).bound({ host });
      const answer = ask('x', 'true');
      const forged = JSON.stringify({ id: answer.id, response: 'forged', isDisposed: true });
      await forger.endpoint.send(Buffer.from(forged), local(client));
      await clock.advance(1);
      expect(answer.told).toEqual([]);
      expect(client.stats()).toMatchObject({ [counter]: 1, replies: 0, inFlight: 1 });
      await clock.advance(1);
      expect(answer.told).toEqual(['reply {"pattern":"x","data":"true"} @2']);
    });

    it.each(['no-such-id', 7, '', '__proto__'])(
      'with the id %p are counted and change nothing',
      async (id) => {
        const { clock, client, server, ask } = await setUp();
        server.serve((packet, { peer }) =>
          server.reply({ kind: 'reply', id, response: 1 }, packet, { peer }),
        );
        const answer = ask('x', 1);
        await clock.advance(2);
        expect(answer.told).toEqual([]);
        expect(client.stats()).toMatchObject({ unknownReplies: 1, inFlight: 1 });
      },
    );

    it('that come twice count once', async () => {
      const { clock, client, ask } = await setUp({ duplicate: 1 });
      const answer = ask('x', 1);
      await clock.advance(10);
      expect(answer.told).toHaveLength(1);
      expect(client.stats()).toMatchObject({ replies: 1, unknownReplies: 3 });
    });
  });

  describe('ids', () => {
    it('in use are asked for again', async () => {
      const ids = [1, 1, 1, 2];
      const { client, server, ask } = await setUp({ codec: idCodec(() => ids.shift() ?? 9) });
      server.serve(() => undefined);
      expect([ask('a', 1).id, ask('b', 2).id]).toEqual([1, 2]);
      expect(client.stats().inFlight).toBe(2);
    });

    it('that are all in use refuse the request, and leave the older one alone', async () => {
      const { clock, client, ask } = await setUp({ codec: idCodec(() => 1) });
      const first = ask('a', 1);
      const second = ask('b', 2);
      expect(second.error).toBeInstanceOf(TooManyRequestsError);
      second.giveUp();
      expect(client.stats().inFlight).toBe(1);
      await clock.advance(2);
      expect(first.told).toEqual(['reply {"pattern":"a","data":1} @2']);
    });

    it('used again are not given up by the request that had them before', async () => {
      const { clock, client, ask } = await setUp({ codec: idCodec(() => 1) });
      const first = ask('a', 1);
      await clock.advance(2);
      const second = ask('b', 2);
      first.giveUp();
      expect(client.stats().inFlight).toBe(1);
      await clock.advance(2);
      expect(second.told).toEqual(['reply {"pattern":"b","data":2} @4']);
    });
  });

  describe('what arrives', () => {
    it('is counted by kind', async () => {
      const { clock, client, server, peer } = await setUp();
      await client.notify({ pattern: 'e', data: 1 }, peer);
      await client.endpoint.send(Buffer.from('{"pattern":"r","data":1,"id":"k"}'), peer);
      await client.endpoint.send(Buffer.from('{"id":"k","response":1}'), peer);
      await clock.advance(1);
      expect(server.stats()).toMatchObject({ events: 1, requests: 1, unknownReplies: 1, raw: 0 });
    });

    it.each([
      ['nonsense', 'malformed: not JSON'],
      ['', 'malformed: empty'],
      ['{"pattern":[]}', 'malformed: pattern of a wrong type'],
    ])('as %p is dropped as "%s"', async (text, reason) => {
      const { clock, client, server, peer } = await setUp();
      await client.endpoint.send(Buffer.from(text), peer);
      await clock.advance(1);
      expect(server.endpoint.download.stats().drops).toEqual({
        [reason]: { datagrams: 1, bytes: text.length },
      });
    });

    it('and makes the codec throw a TypeError is counted, and the next one is read', async () => {
      const codec = new JsonCodec();
      const decode = codec.decode.bind(codec);
      codec.decode = (datagram) => {
        if (datagram.length === 1) throw new TypeError('undefined is not a function');
        return decode(datagram);
      };
      const { clock, client, server, peer } = await setUp({ codec });
      await client.endpoint.send(Buffer.from('x'), peer);
      await client.notify({ pattern: 'e', data: 1 }, peer);
      await clock.advance(1);
      expect(server.endpoint.download.stats().drops).toEqual({
        'malformed: codec failed': { datagrams: 1, bytes: 1 },
      });
      expect(server.stats().events).toBe(1);
    });

    it('and makes the codec give no packet at all is counted', async () => {
      const codec = new JsonCodec();
      codec.decode = () => undefined as never;
      const { clock, client, server, peer } = await setUp({ codec });
      await client.endpoint.send(Buffer.from('x'), peer);
      await clock.advance(1);
      expect(server.endpoint.download.stats().drops).toEqual({
        'malformed: codec failed': { datagrams: 1, bytes: 1 },
      });
    });

    it('may hold several packets, or none', async () => {
      const json = new JsonCodec();
      const codec: DatagramCodec = {
        name: 'lines',
        exchange: false,
        decode: (datagram) =>
          Buffer.from(datagram)
            .toString()
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => json.decode(Buffer.from(line))),
        encode: (packet) => json.encode(packet),
      };
      const { clock, client, server, peer } = await setUp({ codec });
      const seen: Packet[] = [];
      server.serve((packet) => void seen.push(packet));
      await client.endpoint.send(
        Buffer.from('{"pattern":"a"}\n{"pattern":"b"}\n{"id":1,"response":2}'),
        peer,
      );
      await client.endpoint.send(Buffer.from('\n'), peer);
      await clock.advance(1);
      expect(seen.map((packet) => (packet as { pattern: unknown }).pattern)).toEqual(['a', 'b']);
      expect(server.stats()).toMatchObject({ events: 2, unknownReplies: 1 });
      expect(server.endpoint.download.stats().drops).toEqual({});
    });

    it('without a server is dropped as "not-serving"', async () => {
      const { clock, client, server } = await setUp();
      await server.notify({ pattern: 'e', data: 1 }, local(client));
      await clock.advance(1);
      expect(client.endpoint.download.stats().drops).toMatchObject({ 'not-serving': { datagrams: 1 } });
      expect(client.stats().events).toBe(1);
    });

    it('as a control packet is dropped as "unknown-control"', async () => {
      const codec = Object.assign(new JsonCodec(), {
        decode: () => ({ kind: 'control', type: 'busy' }) as const,
      });
      const { clock, client, server, peer } = await setUp({ codec });
      await client.notify({ pattern: 'e', data: 1 }, peer);
      await clock.advance(1);
      expect(server.endpoint.download.stats().drops).toMatchObject({ 'unknown-control': { datagrams: 1 } });
    });
  });

  describe('reply', () => {
    it('that the protocol does not say counts as left', async () => {
      const codec = Object.assign(new JsonCodec(), { encode: () => undefined });
      const { server, peer } = await setUp({ codec });
      const fates: string[] = [];
      server.reply(
        { kind: 'reply', id: 1, isDisposed: true },
        REQUEST,
        { peer },
        {
          left: () => void fates.push('left'),
          dropped: () => void fates.push('dropped'),
        },
      );
      expect(fates).toEqual(['left']);
      expect(server.endpoint.upload.stats().datagrams).toBe(0);
    });

    it('tells the codec which packet it answers, and the room that it has', async () => {
      const contexts: unknown[] = [];
      const json = new JsonCodec();
      const codec: DatagramCodec = {
        name: 'spy',
        exchange: false,
        decode: (datagram) => json.decode(datagram),
        encode: (packet, context) => {
          contexts.push(context);
          return json.encode(packet);
        },
      };
      const { server, peer } = await setUp({ codec, receiving: { maxDatagramSize: 500 } });
      server.reply({ kind: 'reply', id: 1, response: 2 }, REQUEST, { peer });
      expect(contexts).toEqual([{ peer, request: REQUEST, maxBytes: 500 }]);
    });

    it('larger than a datagram is thrown back', async () => {
      const { server, peer } = await setUp({ receiving: { maxDatagramSize: 50 } });
      const reply = { kind: 'reply', id: 1, response: 'x'.repeat(50) } as const;
      expect(() => server.reply(reply, REQUEST, { peer })).toThrow(MessageTooLargeError);
    });
  });

  describe('notify', () => {
    it('of what the codec does not have is refused', async () => {
      const codec = Object.assign(new JsonCodec(), { encode: () => undefined });
      const { client, peer } = await setUp({ codec });
      const error = await rejection(client.notify({ pattern: 'e', data: 1 }, peer));
      expect(error.message).toBe('the json codec has no events');
    });
  });

  describe('close', () => {
    it('fails every request, once, and refuses new ones', async () => {
      const { clock, client, server, ask } = await setUp();
      server.serve(() => undefined);
      const answers = [ask('a', 1), ask('b', 2, { timeoutMs: Infinity })];
      await clock.advance(2);
      await Promise.all([client.close(), client.close(), server.close()]);
      for (const { told } of answers) expect(told).toEqual(['EndpointClosedError @2']);
      expect(clock.pendingTimers).toBe(0);
      expect(ask('c', 3).error).toBeInstanceOf(EndpointClosedError);
      await clock.advance(1000);
      expect(answers.flatMap(({ told }) => told)).toHaveLength(2);
      expect(client.stats().inFlight).toBe(0);
    });
  });

  it('fails the requests of a connected peer that is not there', async () => {
    const { clock, client, server, ask, peer } = await setUp();
    await server.close();
    await client.endpoint.connect(peer);
    const answers = [ask('a', 1), ask('b', 2)];
    await clock.advance(1);
    for (const { told, error } of answers) {
      expect(told).toEqual(['PeerUnreachableError @1']);
      expect(error).toBeInstanceOf(PeerUnreachableError);
    }
  });

  it('on a bad network answers each request once, or fails it once', async () => {
    const { clock, network, client, ask } = await setUp({
      loss: 0.2,
      duplicate: 0.2,
      reorder: 0.2,
      seed: 31,
    });
    const answers = Array.from({ length: 300 }, (_, index) => ask('x', index));
    await clock.advance(1000);
    const told = answers.map((answer) => answer.told.length);
    expect([network.describe(), new Set(told)]).toEqual([network.describe(), new Set([1])]);
    const { replies, timeouts } = client.stats();
    expect(replies + timeouts).toBe(300);
    expect(replies).toBeGreaterThan(150);
    answers.forEach(({ told: [first] }, index) => {
      expect(first).toMatch(new RegExp(`"data":${index}\\}|RequestTimeoutError @100$`));
    });
  });

  interface Setup {
    readonly codec?: DatagramCodec;
    readonly maxPendingRequests?: number;
    readonly sending?: EndpointSetup;
    readonly receiving?: EndpointSetup;
    readonly loss?: number;
    readonly duplicate?: number;
    readonly reorder?: number;
    readonly seed?: number;
  }

  function probes(network: VirtualNetwork): Probes {
    return (open ??= new Probes((host) => network.environment(host)));
  }

  /** A client and a server that sends each packet back, 1 ms apart. */
  async function setUp(setup: Setup = {}) {
    const { maxPendingRequests = 1000, sending, receiving, ...conditions } = setup;
    const codec: DatagramCodec = setup.codec ?? new JsonCodec();
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock, delayMs: 1, ...conditions });
    open = undefined;
    const client = await channel(network, codec, clock, maxPendingRequests, { host: '10.0.0.1', ...sending });
    const server = await channel(network, codec, clock, maxPendingRequests, {
      host: '10.0.0.2',
      ...receiving,
    });
    const peer = local(server);

    const serve = (answer: (packet: InboundPacket) => Omit<ReplyPacket, 'kind' | 'id'>): void =>
      server.serve((packet, datagram) => {
        if (packet.kind !== 'request') return;
        server.reply({ kind: 'reply', id: packet.id, ...answer(packet) }, packet, datagram);
      });
    serve((packet) => {
      const { pattern, data } = packet as { pattern: unknown; data: unknown };
      return { response: { pattern, data }, isDisposed: true };
    });

    const ids: PacketId[] = [];
    const encode = codec.encode.bind(codec);
    codec.encode = (packet, context) => {
      if (packet.kind === 'request') ids.push(packet.id);
      return encode(packet, context);
    };
    const ask = (pattern: string, data: unknown, times = {}) => {
      const answer = { told: [] as string[], error: undefined as Error | undefined };
      const giveUp = client.request(
        { pattern, data },
        peer,
        { timeoutMs: 100, streamTimeoutMs: 1000, ...times },
        {
          reply: ({ response, err }) =>
            void answer.told.push(`reply ${JSON.stringify(response ?? err)} @${clock.now()}`),
          failed: (error) => {
            answer.error = error;
            answer.told.push(`${error.name} @${clock.now()}`);
          },
        },
      );
      return Object.assign(answer, { giveUp, id: ids.at(-1) as PacketId });
    };
    return { clock, network, client, server, peer, serve, ask };
  }

  async function channel(
    network: VirtualNetwork,
    codec: DatagramCodec,
    clock: ManualClock,
    maxPendingRequests: number,
    setup: EndpointSetup,
  ): Promise<PacketChannel> {
    const { endpoint } = await probes(network).bound(setup);
    return new PacketChannel(endpoint, codec, clock, maxPendingRequests);
  }
});

const REQUEST: InboundPacket = { kind: 'request', id: 1, pattern: 'x', data: 1 };

function local({ endpoint }: PacketChannel): PeerAddress {
  const { address, port } = endpoint.address as { address: string; port: number };
  return PeerAddress.of(address, port);
}

function idOf(packet: InboundPacket): PacketId {
  return packet.kind === 'request' ? packet.id : 0;
}

function idCodec(createId: () => PacketId): DatagramCodec {
  return Object.assign(new JsonCodec(), { createId });
}
