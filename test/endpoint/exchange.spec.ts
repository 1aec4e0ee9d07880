import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeFrame, encodeFrame, isFrame } from '../../src/codec/frame-codec.js';
import type { Frame } from '../../src/codec/frame.js';
import { JsonCodec } from '../../src/codec/json.codec.js';
import type { EventPacket, InboundPacket, ReplyPacket, RequestPacket } from '../../src/codec/packet.js';
import { OptionReader } from '../../src/common/option-reader.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import type {
  DatagramSocket,
  DatagramSocketEvents,
  OutgoingDatagram,
} from '../../src/endpoint/datagram-socket.js';
import { readExchangeOptions } from '../../src/endpoint/exchange.options.js';
import { PacketChannel } from '../../src/endpoint/packet-channel.js';
import type { UdpEnvironment } from '../../src/endpoint/udp-environment.js';
import type { SocketOptions } from '../../src/endpoint/socket.options.js';
import type { Served } from '../../src/endpoint/served.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';
import { VirtualNetwork, type VirtualEnvironment } from '../../src/testing/virtual-network.js';
import { Probes, type Probe } from './fixture.js';

describe('the exchange', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  describe('a request', () => {
    it('is sent again after 1 s, 2 s and then every 4 s while nothing is known of the peer', async () => {
      const { clock, ask, heard } = await withSilentServer();
      const answer = ask('x', { timeoutMs: 20_000 });
      await clock.advance(30_000);
      expect(heard.map(({ atMs }) => atMs)).toEqual([1, 1001, 3001, 7001, 11_001, 15_001, 19_001]);
      expect(answer.told).toEqual(['RequestTimeoutError @20000']);
      expect(answer.error).toMatchObject({ attempts: 7, phase: 'silent', timeoutMs: 20_000 });
    });

    it('says which copy it is, how old it is, and how long it goes on waiting', async () => {
      const { clock, ask, heard } = await withSilentServer();
      ask('x', { timeoutMs: 5000 });
      await clock.advance(4000);
      const stamps = heard.map(({ packet }) => (packet as RequestPacket).stamp);
      expect(stamps).toMatchObject([
        { attempt: 1, ageMs: 0, patienceMs: 5000, epoch: 0 },
        { attempt: 2, ageMs: 1000, patienceMs: 4000, epoch: 0 },
        { attempt: 3, ageMs: 3000, patienceMs: 2000, epoch: 0 },
      ]);
      expect(new Set(heard.map(({ packet }) => (packet as RequestPacket).id)).size).toBe(1);
    });

    it('is aimed anew by the first measurement of its path', async () => {
      const { clock, server, ask, toServer } = await setUp();
      const served: (() => void)[] = [];
      server.serve((packet, datagram, record) => {
        const { id, data } = packet as RequestPacket;
        const reply = (): void => {
          server.reply(
            { kind: 'reply', id, response: 1, isDisposed: true },
            packet,
            datagram,
            undefined,
            record,
          );
        };
        if (data === 'now') reply();
        else served.push(reply);
      });
      toServer.lose = (frame, index) => index === 0;
      const lost = ask('lost');
      const answered = ask('now');
      await clock.advance(20);
      expect(answered.told).toEqual(['reply 1 @2']);
      expect(served).toHaveLength(0);
      // 1 s were set, 50 ms are enough now that a round trip is known to take 2.
      await clock.advance(50);
      expect(served).toHaveLength(1);
      expect(lost.told).toEqual([]);
    });

    it('runs once, however often it comes, and each copy is answered', async () => {
      const { clock, client, server, ask, serve, network } = await setUp();
      let runs = 0;
      serve(() => ({ response: ++runs, isDisposed: true }));
      network.change({ duplicate: 1 });
      const answer = ask('x');
      await clock.advance(10);
      expect(answer.told).toEqual(['reply 1 @2']);
      expect(runs).toBe(1);
      expect(server.stats().exchange).toMatchObject({ duplicates: 1, duplicatesAnswered: 1, stored: 1 });
      expect(client.stats()).toMatchObject({ replies: 1, unknownReplies: 3 });
    });

    it('whose reply was lost gets it when it asks, though it must wait to leave', async () => {
      const { clock, client, server, ask, toClient } = await setUp({ upload: { rate: 500, burst: 1 } });
      let runs = 0;
      let lost = 0;
      server.serve((packet, datagram, record) => {
        const { id } = packet as RequestPacket;
        runs++;
        const reply = { kind: 'reply', id, response: 'x'.repeat(600), isDisposed: true } as const;
        clock.after(400, () => server.reply(reply, packet, datagram, undefined, record));
      });
      // Its word that it runs comes through, its first reply does not.
      toClient.lose = (frame) => frame === undefined && lost++ < 1;
      const answer = ask('x', { timeoutMs: 20_000 });
      await clock.advance(20_000);
      expect(answer.told.map(nameOf)).toEqual(['reply']);
      expect(runs).toBe(1);
      expect(client.stats().exchange?.probes).toBe(1);
    });

    it('that comes again while its reply waits to be said again, queues no other one', async () => {
      const { clock, server, client, peer, serve, toClient } = await setUp({
        upload: { rate: 500, burst: 1 },
      });
      serve(() => ({ response: 'x'.repeat(600), isDisposed: true }));
      const stamp = { client: 'c'.repeat(16), attempt: 1, ageMs: 0, patienceMs: 60_000, epoch: 0 };
      const packet = { kind: 'request', id: 'a'.repeat(16), pattern: 'x', data: 1, stamp } as const;
      client.endpoint.post(new JsonCodec().encode(packet), peer);
      await clock.advance(5);
      for (let copy = 0; copy < 5; copy++) client.endpoint.post(new JsonCodec().encode(packet), peer);
      await clock.advance(20_000);
      expect(server.stats().exchange).toMatchObject({ duplicatesAnswered: 1, duplicatesPending: 4 });
      // The first reply, one more, and one word that it is on its way.
      expect(toClient.count).toBe(3);
    });

    it('whose second reply found no room can be asked for a third', async () => {
      const { clock, server, client, peer, serve } = await setUp({
        upload: { rate: 500, burst: 1 },
        queue: { maxAge: 200 },
      });
      serve(() => ({ response: 'x'.repeat(600), isDisposed: true }));
      const stamp = { client: 'c'.repeat(16), attempt: 1, ageMs: 0, patienceMs: 60_000, epoch: 0 };
      const packet = { kind: 'request', id: 'a'.repeat(16), pattern: 'x', data: 1, stamp } as const;
      for (let copy = 0; copy < 3; copy++) {
        client.endpoint.post(new JsonCodec().encode(packet), peer);
        await clock.advance(copy === 0 ? 5 : 5000);
      }
      expect(server.stats().exchange).toMatchObject({ duplicatesAnswered: 2, duplicatesPending: 0 });
      expect(server.endpoint.upload.stats()).toMatchObject({
        datagrams: 2,
        drops: { expired: { datagrams: 1 } },
      });
    });

    it('that comes 64 times at once runs once', async () => {
      const { clock, server, client, peer, toServer } = await setUp();
      let runs = 0;
      server.serve(() => void runs++);
      const stamp = { client: 'c'.repeat(16), attempt: 1, ageMs: 0, patienceMs: 5000, epoch: 0 };
      const packet = { kind: 'request', id: 'a'.repeat(16), pattern: 'x', data: 1, stamp } as const;
      for (let copy = 0; copy < 64; copy++) client.endpoint.post(new JsonCodec().encode(packet), peer);
      await clock.advance(5);
      expect(runs).toBe(1);
      expect(toServer.count).toBe(64);
      expect(server.stats().exchange).toMatchObject({ duplicates: 63, running: 1 });
    });

    it('that runs for 3 s is announced unasked, asked about slowly, and needs at most 6 datagrams', async () => {
      const { clock, client, server, ask, toServer } = await setUp({ delayMs: 50 });
      server.serve((packet, datagram, record) => {
        const { id, data } = packet as RequestPacket;
        const reply = { kind: 'reply', id, response: data, isDisposed: true } as const;
        const say = (): void => server.reply(reply, packet, datagram, undefined, record);
        if (data === 'quick') say();
        else clock.after(3000, say);
      });
      // Teaches the client a round trip of 100 ms.
      for (let i = 0; i < 10; i++) {
        ask('quick');
        await clock.advance(200);
      }
      const before = toServer.count;
      const answer = ask('slow', { timeoutMs: 10_000 });
      await clock.advance(10_000);
      expect(answer.told).toEqual([`reply "slow" @${2000 + 3000 + 100}`]);
      expect(toServer.count - before).toBeLessThanOrEqual(6);
      expect(server.stats().exchange?.pendings).toBeGreaterThanOrEqual(2);
      expect(server.stats()).toMatchObject({ requests: 11 });
      expect(client.stats().timeouts).toBe(0);
    });

    it('whose reply is lost after a word that it runs is answered all the same', async () => {
      const { clock, ask, server, toClient } = await setUp();
      server.serve((packet, { peer }, record) => {
        const reply = {
          kind: 'reply',
          id: (packet as RequestPacket).id,
          response: 1,
          isDisposed: true,
        } as const;
        clock.after(700, () => server.reply(reply, packet, { peer }, undefined, record));
      });
      toClient.lose = (frame) => frame === undefined && toClient.replies++ < 2;
      const answer = ask('x', { timeoutMs: 10_000 });
      await clock.advance(10_000);
      expect(answer.told).toHaveLength(1);
      expect(answer.told[0]).toMatch(/^reply 1 @/);
      expect(toClient.replies).toBeGreaterThanOrEqual(3);
    });

    it('whose reply was evicted is refused as "outcome unknown", and does not run again', async () => {
      const { clock, ask, serve, toClient, server } = await setUp({
        server: { duplicates: { maxBytes: 250 } },
      });
      let runs = 0;
      serve(() => ({ response: 'x'.repeat(80) + ++runs, isDisposed: true }));
      toClient.lose = () => toClient.count < 2;
      const first = ask('first');
      const second = ask('second');
      await clock.advance(5000);
      expect(first.told.map(nameOf)).toEqual(['OutcomeUnknownError']);
      expect(second.told.map(nameOf)).toEqual(['reply']);
      expect(runs).toBe(2);
      expect(server.stats().exchange).toMatchObject({ outcomesUnknown: 1 });
    });

    it('that was sent to an earlier life of the service is refused as "outcome unknown"', async () => {
      const { clock, ask, server, restart, serve } = await setUp();
      serve(() => ({ response: 1, isDisposed: true }));
      ask('teaches the epoch');
      await clock.advance(10);
      server.serve(() => undefined);
      const lost = ask('x', { timeoutMs: 20_000 });
      await clock.advance(10);
      const again = await restart();
      let runs = 0;
      again.serve(() => void runs++);
      await clock.advance(20_000);
      expect(lost.told.map(nameOf)).toEqual(['OutcomeUnknownError']);
      expect(runs).toBe(0);
    });

    it('waits as long as a busy peer says, and is then answered', async () => {
      const { clock, ask, server, serve } = await setUp();
      serve(() => ({ response: 1, isDisposed: true }));
      server.admit = () => (clock.now() < 1500 ? 2000 : 0);
      const answer = ask('x', { timeoutMs: 10_000 });
      await clock.advance(10_000);
      expect(answer.told).toEqual(['reply 1 @2004']);
      expect(server.stats().exchange).toMatchObject({ refusedBusy: 1 });
    });

    it('fails as busy when its time is up before the peer has time', async () => {
      const { clock, ask, server } = await setUp();
      server.serve(() => undefined);
      server.admit = () => 700;
      const answer = ask('x', { timeoutMs: 1500 });
      await clock.advance(5000);
      expect(answer.told).toEqual(['PeerBusyError @1500']);
      expect(answer.error).toMatchObject({ code: 'UDP_BUSY', retryAfterMs: 700 });
    });

    it('that is given up is given up at the server too', async () => {
      const { clock, ask, server, records } = await setUp();
      const cancelled: number[] = [];
      server.serve((_packet, _datagram, record) => {
        records.push(record as Served);
        (record as Served).worker = { cancel: () => void cancelled.push(clock.now()) };
      });
      const answer = ask('x');
      await clock.advance(10);
      answer.giveUp();
      await clock.advance(10);
      expect(cancelled).toEqual([11]);
      expect(server.stats().exchange).toMatchObject({ cancelled: 1, running: 0 });
      expect(answer.told).toEqual([]);
    });

    it('that is overtaken by its cancellation does not run', async () => {
      const { clock, ask, server, toServer } = await setUp();
      let runs = 0;
      server.serve(() => void runs++);
      toServer.delay = (frame) => (frame === undefined ? 50 : 0);
      const answer = ask('x');
      await clock.advance(0);
      answer.giveUp();
      await clock.advance(1000);
      expect(runs).toBe(0);
      expect(toServer.count).toBe(2);
    });

    it('beyond maxInFlight waits in line for a first word about another', async () => {
      const { clock, client, ask, server, serve } = await setUp({
        client: { maxInFlight: 2, maxWaiting: 1 },
      });
      serve(() => ({ response: 1, isDisposed: true }));
      const answers = ['a', 'b', 'c', 'd'].map((data) => ask(data));
      expect(answers[3]?.error).toMatchObject({ code: 'UDP_TOO_MANY_REQUESTS', limit: 1 });
      expect(client.stats().exchange).toMatchObject({ waiting: 1 });
      await clock.advance(10);
      expect(answers.map(({ told }) => told[0])).toEqual([
        'reply 1 @2',
        'reply 1 @2',
        'reply 1 @4',
        'TooManyRequestsError @0',
      ]);
      expect(server.stats().requests).toBe(3);
    });
  });

  describe('a reply', () => {
    it('tells how long it was held, the wait in our own queue included, so that round trips are of the network', async () => {
      const { clock, client, ask, serve } = await setUp({ upload: { rate: 1000, burst: 200 } });
      serve(() => ({ response: 'x'.repeat(400), isDisposed: true }));
      const held: number[] = [];
      const decode = client.codec.decode.bind(client.codec);
      client.codec.decode = (datagram, peer) => {
        const packet = decode(datagram, peer) as ReplyPacket;
        held.push(packet.stamp?.heldMs ?? NaN);
        return packet;
      };
      const answers = [ask('a'), ask('b'), ask('c')];
      await clock.advance(5000);
      expect(answers.map(({ told }) => told.length)).toEqual([1, 1, 1]);
      expect(held[0]).toBeLessThan(5);
      // Each of about 460 bytes waits for those before it at 1000 bytes a second.
      expect(held[1]).toBeGreaterThan(200);
      expect(held[2]).toBeGreaterThan((held[1] as number) + 400);
    });

    it('that finds nobody waiting when its turn comes is not sent', async () => {
      const { clock, ask, serve, server } = await setUp({ upload: { rate: 1000, burst: 200 } });
      serve(() => ({ response: 'x'.repeat(800), isDisposed: true }));
      const answers = [ask('a'), ask('b', { timeoutMs: 300 }), ask('c')];
      await clock.advance(5000);
      expect(answers.map(({ told }) => nameOf(told[0] ?? ''))).toEqual([
        'reply',
        'RequestTimeoutError',
        'reply',
      ]);
      expect(server.stats().exchange).toMatchObject({ unwantedReplies: 1, running: 0 });
      expect(server.endpoint.upload.stats().drops).toMatchObject({ unwanted: { datagrams: 1 } });
    });
  });

  describe('large replies to one peer', () => {
    it('share its window: none has to wait for another to end', async () => {
      const { clock, ask, serve } = await setUp({ delayMs: 10 });
      serve(() => ({ response: 'x'.repeat(300_000), isDisposed: true }));
      const endsMs: number[] = [];
      const answers = Array.from({ length: 4 }, () => ask('x', { timeoutMs: 60_000 }));
      while (endsMs.length < 4 && clock.now() < 60_000) {
        await clock.advance(10);
        const ended = answers.filter(({ told }) => told.length > 0).length;
        while (endsMs.length < ended) endsMs.push(clock.now());
      }
      const [first, last] = [endsMs[0] as number, endsMs.at(-1) as number];
      expect(answers.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
      expect(last / first).toBeLessThan(1.3);
    });
  });

  describe('the memory of large messages', () => {
    /** Told of the memory that each of them is written into. */
    const watchMemory = ({ codec }: PacketChannel) => {
      const buffers: ArrayBufferLike[] = [];
      const encode = codec.encode.bind(codec);
      codec.encode = (packet, context) => {
        const bytes = encode(packet, context);
        if (bytes !== undefined && bytes.length > 65_536) buffers.push(bytes.buffer);
        return bytes;
      };
      return buffers;
    };

    it('is used again when a reply has arrived', async () => {
      const { clock, ask, serve, server } = await setUp();
      const buffers = watchMemory(server);
      serve(() => ({ response: 'x'.repeat(200_000), isDisposed: true }));
      for (let count = 0; count < 5; count++) {
        const answer = ask('x');
        await clock.advance(500);
        expect(answer.told).toHaveLength(1);
      }
      expect([buffers.length, new Set(buffers).size]).toEqual([5, 1]);
    });

    it('is used again when a request has its reply, and not when it has arrived', async () => {
      const { clock, ask, client, server } = await setUp();
      const buffers = watchMemory(client);
      const reply: (() => void)[] = [];
      server.serve((packet, datagram, record) => {
        const { id } = packet as RequestPacket;
        const answer = { kind: 'reply', id, response: 'thanks', isDisposed: true } as const;
        reply.push(() => server.reply(answer, packet, datagram, undefined, record));
      });
      ask('x'.repeat(200_000), { timeoutMs: 60_000 });
      await clock.advance(1000);
      ask('y'.repeat(200_000), { timeoutMs: 60_000 });
      await clock.advance(1000);
      expect([reply.length, new Set(buffers).size]).toEqual([2, 2]);
      for (const say of reply) say();
      await clock.advance(1000);
      ask('z'.repeat(200_000));
      expect([buffers.length, new Set(buffers).size]).toEqual([3, 2]);
    });

    it.each([
      ['replies', 'pieces are lost and come late', () => 0],
      ['requests', 'pieces are lost and come late', () => 0],
      ['replies', 'the kernel takes some long after a copy of them', rarelyLate],
      ['requests', 'the kernel takes some long after a copy of them', rarelyLate],
    ])('holds %s as they were, though %s', async (what, _why, latenessMs) => {
      const random = new SeededRandom();
      const { clock, ask, serve, server, client, toClient, toServer } = await setUp({
        latenessMs: () => latenessMs(random),
      });
      const buffers = watchMemory(what === 'replies' ? server : client);
      const lettersOf = new Map<string, Set<number>>();
      for (const way of [toClient, toServer]) {
        way.lose = (frame) => {
          // Also of pieces that nobody needs any more: they could be of messages of others.
          if (frame?.kind === 'segment' && frame.payload.length > 500) {
            const seen = lettersOf.get(frame.id) ?? new Set();
            lettersOf.set(frame.id, seen.add(frame.payload[500] as number));
          }
          return random.chance(0.02);
        };
        way.delay = () => (random.chance(0.02) ? random.below(200) : 0);
      }
      const textOf = (letter: string): string => letter.repeat(70_000 + letter.charCodeAt(0));
      serve(({ data }: InboundPacket) => {
        const response = what === 'replies' ? textOf(String(data)) : String(data).charAt(0);
        return { response, isDisposed: true };
      });
      const letters = 'abcdefghijklmnopqrstuvwxyz'.split('');
      const answers = [];
      for (const letter of letters) {
        const answer = ask(what === 'replies' ? letter : textOf(letter), { timeoutMs: 60_000 });
        await clock.advance(random.below(600));
        if (answer.told.length === 0 && random.chance(0.2)) answer.giveUp();
        else answers.push({ letter, answer });
      }
      await clock.advance(60_000);
      const isRight = answers.every(({ letter, answer }) => {
        const text = what === 'replies' ? textOf(letter) : letter;
        return answer.told.length === 1 && answer.told[0]?.split('"')[1] === text;
      });
      const isMixed = [...lettersOf.values()].some(({ size }) => size > 1);
      const { seed } = random;
      expect({ seed, isRight, isMixed }).toEqual({ seed, isRight: true, isMixed: false });
      expect(new Set(buffers).size).toBeLessThan(buffers.length);
    });
  });

  describe('a stream', () => {
    /** A stream of one value that goes on for ever. */
    const openStream = async () => {
      const { clock, client, ask, server } = await setUp();
      const cancelled: number[] = [];
      server.serve((packet, { peer }, record) => {
        (record as Served).worker = { cancel: () => void cancelled.push(clock.now()) };
        const { id } = packet as RequestPacket;
        server.reply({ kind: 'reply', id, response: 1 }, packet, { peer }, undefined, record);
      });
      const answer = ask('x', { timeoutMs: Infinity, streamTimeoutMs: Infinity });
      await clock.advance(100);
      return { clock, client, server, cancelled, answer };
    };

    it('of a client that has died is given up when its lease ends', async () => {
      const { clock, client, server, cancelled } = await openStream();
      await client.endpoint.close();
      await clock.advance(29_000);
      expect(cancelled).toEqual([]);
      await clock.advance(5000);
      expect(cancelled).toHaveLength(1);
      expect(server.stats().exchange).toMatchObject({ leasesExpired: 1, running: 0, streams: 0 });
    });

    it('of a client that lives, and is silent itself, goes on', async () => {
      const { clock, server, cancelled, answer } = await openStream();
      await clock.advance(300_000);
      expect([cancelled, answer.told]).toEqual([[], ['reply 1 @2']]);
      expect(server.stats().exchange).toMatchObject({ leasesExpired: 0, running: 1, streams: 1 });
    });

    it('of a server that has died fails when it has said nothing for 30 s', async () => {
      const { clock, server, answer } = await openStream();
      await server.endpoint.close();
      await clock.advance(40_000);
      expect(answer.told.map(nameOf)).toEqual(['reply', 'RequestTimeoutError']);
    });
  });

  describe('a large request', () => {
    const LARGE = 'x'.repeat(200_000);

    it('lives on while its segments come, though no word of them gets back', async () => {
      const { clock, ask, serve, toClient } = await setUp({ server: { reassembly: { maxAge: 6000 } } });
      serve(() => ({ response: 'whole', isDisposed: true }));
      toClient.lose = () => clock.now() > 1 && clock.now() < 20_000;
      const answer = ask(LARGE, { timeoutMs: 60_000 });
      await clock.advance(60_000);
      expect(answer.told.map((told) => told.split(' @')[0])).toEqual(['reply "whole"']);
    });

    it('that was forgotten for want of segments is refused, and none of the rest is kept', async () => {
      const { clock, ask, serve, server, toServer } = await setUp({
        server: { reassembly: { maxAge: 3000 } },
      });
      serve(() => ({ response: 'here', isDisposed: true }));
      ask('are you there?');
      await clock.advance(10);
      let runs = 0;
      server.serve(() => void runs++);
      toServer.lose = () => clock.now() > 11 && clock.now() < 10_000;
      const answer = ask(LARGE, { timeoutMs: 60_000 });
      await clock.advance(2000);
      expect(server.stats().exchange?.reassemblyBytes).toBeGreaterThan(10_000);
      await clock.advance(2000);
      expect(server.stats().exchange).toMatchObject({ reassemblyBytes: 0, streams: 0 });
      await clock.advance(30_000);
      expect(answer.told.map(nameOf)).toEqual(['StreamLostError']);
      expect(runs).toBe(0);
      expect(server.stats().exchange).toMatchObject({ reassemblyBytes: 0, streams: 0 });
    });

    it.each([
      ['runs', 5000],
      ['has been answered', 100],
    ])(
      'that came whole while a part of it lay there is not forgotten with that part: it %s',
      async (_what, workMs) => {
        const { clock, client, server, peer } = await setUp({
          server: { reassembly: { maxAge: 3000 }, duplicates: { maxAge: 20_000 } },
        });
        const id = 'a'.repeat(16);
        const name = {
          kind: 'segment',
          id,
          client: '1'.repeat(16),
          epoch: 0,
          seq: 0,
          messageBytes: 5000,
        } as const;
        const flags = { isLast: false, isEnd: false, wantsAck: false, ageMs: 0 };
        client.endpoint.post(encodeFrame({ ...name, ...flags, payload: Buffer.alloc(500) }), peer);
        let runs = 0;
        server.serve((packet, datagram, record) => {
          runs++;
          const reply = { kind: 'reply', id, response: 'once', isDisposed: true } as const;
          clock.after(workMs, () => server.reply(reply, packet, datagram, undefined, record));
        });
        await clock.advance(10);
        const copy = Buffer.from(stampedText('1'));
        client.endpoint.post(copy, peer);
        await clock.advance(6000);
        expect(server.stats().exchange).toMatchObject({ running: 0, stored: 1 });
        // A copy that the network held back is answered as the first one was.
        const replies: unknown[] = [];
        client.endpoint.onDatagram = ({ data }) =>
          void replies.push(frameIn(data) ?? new JsonCodec().decode(data));
        client.endpoint.post(copy, peer);
        await clock.advance(10);
        expect(replies).toMatchObject([{ kind: 'reply', response: 'once' }]);
        expect(runs).toBe(1);
        await clock.advance(30_000);
        expect(server.stats().exchange).toMatchObject({ running: 0, stored: 0 });
      },
    );

    it('says in each copy of a segment how old it is, and which life of the server it was meant for', async () => {
      const { clock, ask, toServer } = await setUp();
      const seen: { seq: number; ageMs: number; epoch: number }[] = [];
      toServer.lose = (frame) => {
        if (frame?.kind === 'segment') seen.push({ seq: frame.seq, ageMs: frame.ageMs, epoch: frame.epoch });
        return true;
      };
      ask(LARGE, { timeoutMs: 4000 });
      await clock.advance(3500);
      expect(seen).toEqual([
        { seq: 0, ageMs: 0, epoch: 0 },
        { seq: 0, ageMs: 1000, epoch: 0 },
        { seq: 0, ageMs: 3000, epoch: 0 },
      ]);
    });

    it('whose first copy met an earlier life of the server is refused by the next one', async () => {
      const { clock, ask, serve, restart, toClient } = await setUp();
      serve(() => ({ response: 'here', isDisposed: true }));
      ask('are you there?');
      await clock.advance(10);
      toClient.lose = () => true;
      const answer = ask('x'.repeat(2000), { timeoutMs: 20_000 });
      await clock.advance(100);
      const next = await restart();
      const run: unknown[] = [];
      next.serve((packet, datagram, record) => {
        const { id, data } = packet as RequestPacket;
        run.push(data);
        next.reply({ kind: 'reply', id, response: 1, isDisposed: true }, packet, datagram, undefined, record);
      });
      toClient.lose = () => false;
      // The client learns of the new life before the next copy leaves: that one was meant for the other.
      ask('and now?');
      await clock.advance(20_000);
      expect(answer.told.map(nameOf)).toEqual(['OutcomeUnknownError']);
      expect(run).toEqual(['and now?']);
    });

    it('of a peer that has no room left is refused, and the others are not', async () => {
      const { clock, ask, serve } = await setUp({ server: { reassembly: { maxBytes: 1500 } } });
      serve(() => ({ response: 'whole', isDisposed: true }));
      const answers = [ask('x'.repeat(2000)), ask('x'.repeat(2000))];
      await clock.advance(100);
      expect(answers[1]?.error).toMatchObject({ code: 'UDP_OVERFLOW' });
      expect(answers[0]?.error).toBeUndefined();
    });
  });

  describe('a confirmable event', () => {
    it('is handed on once, however many words of it are lost', async () => {
      const { clock, client, server, peer, toClient } = await setUp();
      const events: unknown[] = [];
      server.serve((packet, _datagram, record) => {
        events.push((packet as EventPacket).data);
        server.received(record as Served);
      });
      toClient.lose = () => toClient.count < 3;
      let isConfirmed = false;
      const confirmed = client
        .confirm({ pattern: 'e', data: 7 }, peer, 20_000)
        .then(() => (isConfirmed = true));
      await clock.advance(100);
      expect([events, isConfirmed]).toEqual([[7], false]);
      await clock.advance(10_000);
      await confirmed;
      expect(events).toEqual([7]);
    });

    it('that nobody hears fails', async () => {
      const { clock, client, server, peer } = await setUp();
      await server.close();
      const failed = client
        .confirm({ pattern: 'e', data: 7 }, peer, 3000)
        .catch((error: Error) => error.name);
      await clock.advance(3000);
      expect(await failed).toBe('RequestTimeoutError');
    });
  });

  describe('frames', () => {
    it.each([
      ['pending', { kind: 'pending', waitMs: 60_000 }],
      ['busy', { kind: 'busy', retryAfterMs: 60_000 }],
      ['gone', { kind: 'gone', reason: 'outcome-unknown' }],
    ] as const)(
      '%s from another address, or of another id, change nothing and are counted',
      async (_name, body) => {
        const { clock, network, client, ask, server, ids } = await setUp();
        const forger = await probes(network).bound({ host: '10.0.0.9' });
        server.serve(() => undefined);
        const answer = ask('x', { timeoutMs: 1000 });
        const id = ids.at(-1) as string;
        const local = addressOf(client);
        forger.endpoint.post(encodeFrame({ ...body, id, epoch: 1 }), local);
        server.endpoint.post(encodeFrame({ ...body, id: 'f'.repeat(16), epoch: 1 }), local);
        await clock.advance(999);
        expect(answer.told).toEqual([]);
        expect(client.stats()).toMatchObject({ foreignReplies: 1, unknownReplies: 1 });
        await clock.advance(1);
        expect(answer.told).toEqual(['RequestTimeoutError @1000']);
      },
    );

    it.each([
      ['no packet', '"x"'],
      ['a reply', '{"id":"aaaaaaaaaaaaaaaa","response":1}'],
      ['a request without a stamp', '{"pattern":"p","id":"aaaaaaaaaaaaaaaa"}'],
      ['the request of another client', stampedText('d')],
    ])('that bring %s in segments are counted, and nothing runs', async (_what, text) => {
      const { clock, client, server, peer } = await setUp();
      let runs = 0;
      server.serve(() => void runs++);
      const payload = Buffer.from(text);
      const name = { id: 'a'.repeat(16), client: 'c'.repeat(16), epoch: 0 };
      const flags = { isLast: true, isEnd: true, wantsAck: false, ageMs: 0 };
      const frame = {
        kind: 'segment',
        ...name,
        seq: 0,
        messageBytes: payload.length,
        ...flags,
        payload,
      } as const;
      client.endpoint.post(encodeFrame(frame), peer);
      await clock.advance(5);
      expect(runs).toBe(0);
      expect(server.endpoint.download.stats().drops).toMatchObject({
        'malformed: broken segments': { datagrams: 1 },
      });
      expect(server.stats().exchange).toMatchObject({ streams: 0, reassemblyBytes: 0 });
    });

    it('of a stream that nobody waits for are turned away, with no more bytes than came', async () => {
      const { clock, client, server, toServer } = await setUp();
      const local = addressOf(client);
      const name = {
        kind: 'segment',
        id: 'a'.repeat(16),
        epoch: 1,
        seq: 3,
        messageBytes: undefined,
      } as const;
      const flags = { isLast: false, isEnd: false, wantsAck: false, ageMs: 0 };
      const post = (payload: string): void => {
        server.endpoint.post(encodeFrame({ ...name, ...flags, payload: Buffer.from(payload) }), local);
      };
      post('abc');
      await clock.advance(5);
      expect(toServer.count).toBe(0);
      post('abcd');
      await clock.advance(5);
      expect(toServer.count).toBe(1);
      expect(client.stats().unknownReplies).toBe(2);
    });

    it.each(['c1', 'c102', 'c101ff', 'c10101', `c10108${'00'.repeat(13)}`, `c10141${'00'.repeat(21)}`])(
      'like %s are counted as malformed',
      async (hex) => {
        const { clock, client, server, peer } = await setUp();
        client.endpoint.post(Buffer.from(hex, 'hex'), peer);
        await clock.advance(1);
        const drops = server.endpoint.download.stats().drops;
        expect(Object.keys(drops)).toHaveLength(1);
        expect(Object.keys(drops)[0]).toMatch(/^malformed: /);
      },
    );
  });

  interface Setup {
    readonly delayMs?: number;
    /** How long the kernel has no room for what is sent. */
    readonly latenessMs?: () => number;
    /** Limit of the server. */
    readonly upload?: { readonly rate: number; readonly burst: number };
    readonly queue?: { readonly maxAge: number };
    readonly client?: object;
    readonly server?: object;
  }

  /** What happens to datagrams in one direction, beside the network's own. */
  interface Way {
    count: number;
    replies: number;
    lose: (frame: Frame | undefined, index: number) => boolean;
    delay: (frame: Frame | undefined) => number;
  }

  function probes(network: VirtualNetwork, clock?: ManualClock, latenessMs = () => 0): Probes {
    return (open ??= new Probes((host) => {
      const environment = network.environment(host);
      return clock === undefined ? environment : lateEnvironment(environment, clock, latenessMs);
    }));
  }

  async function withSilentServer() {
    const { clock, ask, server } = await setUp();
    const heard: { atMs: number; packet: unknown }[] = [];
    server.endpoint.onDatagram = ({ data }) => {
      heard.push({ atMs: clock.now(), packet: new JsonCodec().decode(data) });
    };
    return { clock, ask, heard };
  }

  /** A client and a server 1 ms apart, without jitter. */
  async function setUp({ delayMs = 1, latenessMs, upload, queue, ...setup }: Setup = {}) {
    const limits = { ...(upload === undefined ? {} : { upload }), ...(queue === undefined ? {} : { queue }) };
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock, delayMs });
    open = undefined;
    const late = latenessMs === undefined ? undefined : clock;
    const clientProbe = await probes(network, late, latenessMs).bound({
      host: '10.0.0.1',
      maxDatagramSize: 1232,
    });
    let serverProbe: Probe = await probes(network).bound({
      host: '10.0.0.2',
      port: 4000,
      maxDatagramSize: 1232,
      ...limits,
    });
    const client = channelOf(clientProbe, clock, setup.client);
    const server = channelOf(serverProbe, clock, setup.server);
    const toServer = wayInto(serverProbe, clock);
    const toClient = wayInto(clientProbe, clock);
    const peer = addressOf(server);
    const ids: string[] = [];
    const { codec } = client;
    const encode = codec.encode.bind(codec);
    codec.encode = (packet, context) => {
      if (packet.kind === 'request') ids.push(String(packet.id));
      return encode(packet, context);
    };
    const ask = (data: unknown, times = {}) => {
      const answer = { told: [] as string[], error: undefined as Error | undefined };
      const giveUp = client.request(
        { pattern: 'p', data },
        peer,
        { timeoutMs: 5000, streamTimeoutMs: 1000, ...times },
        {
          reply: ({ response, err }) =>
            void answer.told.push(`reply ${JSON.stringify(response ?? err)} @${clock.now()}`),
          failed: (error) => {
            answer.error = error;
            answer.told.push(`${error.name} @${clock.now()}`);
          },
        },
      );
      return Object.assign(answer, { giveUp });
    };
    const serve = (answer: (packet: InboundPacket) => Omit<ReplyPacket, 'kind' | 'id'>): void =>
      server.serve((packet, datagram, record) => {
        const { id } = packet as RequestPacket;
        server.reply({ kind: 'reply', id, ...answer(packet) }, packet, datagram, undefined, record);
      });
    const restart = async (): Promise<PacketChannel> => {
      await server.close();
      serverProbe = await probes(network).bound({ host: '10.0.0.2', port: 4000, maxDatagramSize: 1232 });
      return channelOf(serverProbe, clock, setup.server);
    };
    const records: Served[] = [];
    return { clock, network, client, server, peer, ask, serve, restart, toServer, toClient, records, ids };
  }

  function channelOf({ endpoint }: Probe, clock: ManualClock, options: object = {}): PacketChannel {
    const limits = readExchangeOptions(new OptionReader(options, ''), true);
    return new PacketChannel(endpoint, new JsonCodec(), clock, 1000, limits, () => 0);
  }

  function wayInto({ endpoint }: Probe, clock: ManualClock): Way {
    const way: Way = { count: 0, replies: 0, lose: () => false, delay: () => 0 };
    const deliver = endpoint.onDatagram;
    endpoint.onDatagram = (datagram) => {
      const frame = frameIn(datagram.data);
      const isLost = way.lose(frame, way.count);
      way.count++;
      if (isLost) return;
      const delayMs = way.delay(frame);
      if (delayMs > 0) clock.after(delayMs, () => deliver(datagram));
      else deliver(datagram);
    };
    return way;
  }
});

function addressOf({ endpoint }: PacketChannel): PeerAddress {
  const { address, port } = endpoint.address as { address: string; port: number };
  return PeerAddress.of(address, port);
}

/** A request as text, of a client that is so many times one digit. */
function stampedText(digit: string): string {
  const stamp = { client: digit.repeat(16), attempt: 1, ageMs: 0, patienceMs: 1, epoch: 0 };
  const packet = { kind: 'request', id: 'a'.repeat(16), pattern: 'p', data: 1, stamp } as const;
  return Buffer.from(new JsonCodec().encode(packet)).toString();
}

/** `undefined` for a packet, and for what is no frame. */
function frameIn(data: Uint8Array): Frame | undefined {
  try {
    return isFrame(data) ? decodeFrame(data) : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(told: string): string {
  return told.split(' ')[0] as string;
}

/** A kernel that has no room at times: what is sent is written when it has. */
function lateEnvironment(
  environment: VirtualEnvironment,
  clock: ManualClock,
  latenessMs: () => number,
): UdpEnvironment {
  const written = (datagram: OutgoingDatagram): OutgoingDatagram => {
    const { lazy, peer } = datagram;
    const data = Buffer.alloc((lazy ?? datagram.data).length);
    if (lazy === undefined) data.set(datagram.data);
    else lazy.writeTo(data, 0);
    return { data, peer, done: (error) => datagram.done(error) };
  };
  const createSocket = (options: SocketOptions, events: DatagramSocketEvents): DatagramSocket => {
    const socket = environment.createSocket(options, events);
    const send = socket.send.bind(socket);
    return Object.assign(socket, {
      wantsLazyBytes: true,
      send: (batch: readonly OutgoingDatagram[]): void => {
        const latenessBatchMs = latenessMs();
        if (latenessBatchMs === 0) send(batch.map(written));
        else clock.after(latenessBatchMs, () => send(batch.map(written)));
      },
    });
  };
  return { ...environment, createSocket };
}

/** Some hundred milliseconds, now and then. */
function rarelyLate(random: SeededRandom): number {
  return random.chance(0.03) ? random.below(800) : 0;
}
