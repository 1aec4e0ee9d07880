import { afterEach, describe, expect, it } from '@jest/globals';
import { JsonCodec } from '../../src/codec/json.codec.js';
import type { RequestPacket } from '../../src/codec/packet.js';
import { defaultExchangeLimits, type ExchangeLimits } from '../../src/endpoint/exchange.options.js';
import { PacketChannel } from '../../src/endpoint/packet-channel.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes } from './fixture.js';

describe('PlainDuplicates', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  const SUM = '{"pattern":"sum","data":[1,2,3],"id":"1"}';

  it('runs a request once that a network brings twice, and answers both', async () => {
    const { clock, ran, ask, heard, stats } = await setUp();
    ask(SUM);
    await clock.advance(1);
    ask(SUM);
    await clock.advance(1);
    expect(ran).toEqual(['1']);
    expect(heard()).toEqual(Array(2).fill('{"id":"1","response":6,"isDisposed":true}'));
    expect(stats()).toMatchObject({ duplicates: 1, duplicatesAnswered: 1 });
  });

  it.each([64, 65, 40_000])('tells copies from others by ids of %i characters, too', async (length) => {
    const { clock, ran, ask } = await setUp();
    const long = (end: string): string => SUM.replace('"1"}', `"${end.padStart(length, 'i')}"}`);
    for (const text of [long('a'), long('b'), long('a'), long('b')]) ask(text);
    await clock.advance(1);
    expect(ran.map((id) => String(id).at(-1))).toEqual(['a', 'b']);
  });

  it('says nothing to a copy while the handler still works on the first', async () => {
    const { clock, ran, ask, heard } = await setUp(100);
    ask(SUM);
    ask(SUM);
    await clock.advance(99);
    expect([ran, heard()]).toEqual([['1'], []]);
    await clock.advance(10);
    expect(heard()).toHaveLength(1);
  });

  it.each([
    ['another id', '{"pattern":"sum","data":[1,2,3],"id":"2"}'],
    ['a number for an id', '{"pattern":"sum","data":[1,2,3],"id":1}'],
    ['other data', '{"pattern":"sum","data":[1,2,4],"id":"1"}'],
  ])('runs a request with %s', async (_what, other) => {
    const { clock, ran, ask } = await setUp();
    ask(SUM);
    ask(other);
    await clock.advance(1);
    expect(ran).toHaveLength(2);
  });

  it('runs the same request of another peer', async () => {
    const { clock, ran, ask } = await setUp();
    ask(SUM, 0);
    ask(SUM, 1);
    await clock.advance(1);
    expect(ran).toHaveLength(2);
  });

  it('runs it again once the time of copies is over, and keeps nothing of it', async () => {
    const { clock, ran, ask, heard } = await setUp();
    ask(SUM);
    await clock.advance(5001);
    expect(clock.pendingTimers).toBe(0);
    ask(SUM);
    await clock.advance(1);
    expect([ran.length, heard().length]).toEqual([2, 2]);
  });

  it('does not take an event for a copy', async () => {
    const { clock, ran, ask } = await setUp();
    ask('{"pattern":"log","data":1}');
    ask('{"pattern":"log","data":1}');
    await clock.advance(1);
    expect(ran).toHaveLength(2);
  });

  it('drops a copy of a request that many values answer', async () => {
    const { clock, ran, ask, heard } = await setUp(0, 3);
    ask(SUM);
    await clock.advance(1);
    ask(SUM);
    await clock.advance(1);
    expect([ran.length, heard().length]).toEqual([1, 3]);
  });

  it('keeps the replies that fit, whatever size is given', async () => {
    const limits = defaultExchangeLimits();
    const duplicates = { ...limits.duplicates, maxBytes: 1001 };
    const { clock, ask, heard, stats } = await setUp(0, 1, undefined, { ...limits, duplicates });
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
    const askAll = (): void => numbers.forEach((id) => ask(SUM.replace('"1"', `"${id}"`)));
    askAll();
    await clock.advance(1);
    askAll();
    await clock.advance(1);
    // An eighth of it is for them, and holds three of 41 bytes.
    expect([heard().length, stats()?.duplicatesAnswered]).toEqual([8 + 3, 3]);
  });

  it('forgets a request that was dropped without a word', async () => {
    const { clock, ran, ask, channel } = await setUp();
    const dropped: string[] = [];
    channel.serve((packet, datagram) => {
      dropped.push(String((packet as RequestPacket).id));
      channel.dropUnrun(datagram, 'busy');
    });
    ask(SUM);
    ask(SUM);
    await clock.advance(1);
    expect([dropped, ran]).toEqual([['1', '1'], []]);
  });

  it('forgets a request that the transport has refused', async () => {
    const { clock, ran, ask, heard } = await setUp(0, 1, 'busy');
    ask(SUM);
    ask(SUM);
    await clock.advance(1);
    expect([ran.length, heard().length]).toEqual([2, 2]);
  });

  async function setUp(workMs = 0, values = 1, code?: string, limits?: ExchangeLimits) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    open = new Probes(() => network.environment());
    const server = await open.bound({ port: 5000 });
    const channel = new PacketChannel(server.endpoint, new JsonCodec(), clock, 100, limits);
    const ran: unknown[] = [];
    channel.serve((packet, datagram) => {
      const { id } = packet as RequestPacket;
      ran.push(id);
      if (packet.kind !== 'request') return;
      const reply = (nth: number): void => {
        const isDisposed = nth === values;
        const refusal = code === undefined ? {} : { code, err: code };
        channel.reply({ kind: 'reply', id, response: 6, isDisposed, ...refusal }, packet, datagram);
      };
      const answer = (): void => {
        for (let nth = 1; nth <= values; nth++) reply(nth);
      };
      if (workMs === 0) answer();
      else clock.after(workMs, answer);
    });
    const askers = [await open.bound({ port: 5001 }), await open.bound({ port: 5002 })];
    const ask = (text: string, no = 0): void =>
      void askers[no]!.endpoint.post(Buffer.from(text), server.peer);
    return { clock, ran, ask, channel, heard: () => askers[0]!.texts, stats: () => channel.stats().exchange };
  }
});
