import { afterEach, describe, expect, it } from '@jest/globals';
import { JsonCodec } from '../../src/codec/json.codec.js';
import { PacketChannel } from '../../src/endpoint/packet-channel.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes, type EndpointSetup, type Probe } from './fixture.js';

// At 1000 B/s a byte takes a millisecond.
describe('Downlink', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  it('hands on what it holds in turns between peers', async () => {
    const { clock, receiver, from } = await setUp({
      download: { rate: 1000, burst: 100 },
      perPeer: { key: 'address-port' },
    });
    for (let nth = 0; nth < 30; nth++) from(1, 'x'.repeat(100));
    for (let nth = 0; nth < 3; nth++) from(2, 'y'.repeat(100));
    await clock.advance(3000);
    const second = receiver.received.map(({ peer }, index) => (peer.port === 5002 ? index : -1));
    // A turn is up to 1514 bytes and one datagram: the second peer waits for no more than that.
    expect(second.filter((index) => index >= 0)).toHaveLength(3);
    expect(Math.max(...second)).toBeLessThan(20);
  });

  it('holds what waits in memory of its own', async () => {
    const { clock, receiver, from } = await setUp({ download: { rate: 1000, burst: 100 } });
    for (let nth = 0; nth < 3; nth++) from(1, `${nth}`.repeat(100));
    await clock.advance(1000);
    const held = receiver.received.map(({ data }) => data);
    expect(held.map((data) => data.toString())).toEqual([0, 1, 2].map((nth) => `${nth}`.repeat(100)));
    expect(held.slice(1).map(({ buffer }) => buffer.byteLength)).toEqual([100, 100]);
  });

  it('limits each peer beside all of them', async () => {
    const { clock, receiver, from } = await setUp({
      perPeer: { download: { rate: 1000, burst: 100 }, key: 'address-port' },
    });
    for (let nth = 0; nth < 5; nth++) from(1, 'x'.repeat(100));
    from(2, 'y'.repeat(100));
    await clock.advance(0);
    expect(receiver.received.map(({ peer }) => peer.port)).toEqual([5001, 5002]);
    await clock.advance(200);
    expect(receiver.received).toHaveLength(4);
  });

  it('drops from the peer of which most is held, and counts it', async () => {
    const { clock, receiver, from } = await setUp({
      download: { rate: 1000, burst: 100, maxBytes: 500 },
      perPeer: { key: 'address-port' },
    });
    for (let nth = 0; nth < 8; nth++) from(1, `${nth}`.repeat(100));
    from(2, 'y'.repeat(100));
    await clock.advance(5000);
    expect(receiver.texts.map((text) => text[0])).toEqual(['0', '4', '5', '6', '7', 'y']);
    expect(receiver.endpoint.download.stats().drops['overflow']).toEqual({ datagrams: 3, bytes: 300 });
  });

  it('hands on first, among what one peer has sent, the replies that are waited for', async () => {
    const { clock, receiver, channel, from, peerOf } = await setUp({ download: { rate: 1000, burst: 200 } });
    const replies: unknown[] = [];
    const times = { timeoutMs: Infinity, streamTimeoutMs: Infinity };
    channel.request({ pattern: 'sum', data: 1 }, peerOf(1), times, {
      reply: ({ response }) => replies.push([response, clock.now()]),
      failed: () => {},
    });
    await clock.advance(0);
    const { id } = JSON.parse(String(peerOf.received(1)[0])) as { id: string };
    const event = JSON.stringify({ pattern: 'log', data: 'x'.repeat(170) });
    for (let nth = 0; nth < 10; nth++) from(1, event);
    from(1, JSON.stringify({ id: 'another', response: 1, isDisposed: true }));
    from(1, JSON.stringify({ id, response: 6, isDisposed: true }));
    await clock.advance(5000);
    // Behind one event that had gone before it came, and not behind ten.
    expect(replies).toHaveLength(1);
    expect((replies[0] as [number, number])[1]).toBeLessThan(300);
    expect(receiver.endpoint.download.stats().datagrams).toBe(12);
  });

  describe("with onLimit 'refuse'", () => {
    const request = (id: string): string => JSON.stringify({ pattern: 'sum', data: 'x'.repeat(60), id });

    it('answers a request above the limit, once a second for each peer', async () => {
      const { clock, receiver, from, peerOf } = await setUp({
        download: { rate: 1000, burst: 100, onLimit: 'refuse' },
      });
      from(1, request('a'));
      from(1, request('b'));
      from(1, request('c'));
      from(2, request('d'));
      await clock.advance(0);
      const busy = (id: string) => ({ id, err: 'busy', status: 'error', code: 'busy', isDisposed: true });
      expect(peerOf.received(1).map((data) => JSON.parse(String(data)) as unknown)).toEqual([busy('b')]);
      expect(peerOf.received(2).map((data) => JSON.parse(String(data)) as unknown)).toEqual([busy('d')]);
      expect(receiver.endpoint.download.stats().drops).toMatchObject({
        refused: { datagrams: 2 },
        exceeded: { datagrams: 1 },
      });
      await clock.advance(10);
      from(1, request('e'));
      await clock.advance(990);
      from(1, 'x'.repeat(100)); // takes what the limit has gathered
      from(1, request('f'));
      await clock.advance(0);
      expect(peerOf.received(1)).toHaveLength(2);
    });

    it('answers nothing that would be larger than the request', async () => {
      const { clock, from, peerOf } = await setUp({ download: { rate: 1000, burst: 1, onLimit: 'refuse' } });
      from(1, 'x'.repeat(100));
      from(1, JSON.stringify({ pattern: 'sum', id: 'a' }));
      await clock.advance(0);
      expect(peerOf.received(1)).toEqual([]);
    });

    it('answers no events, no replies and no garbage', async () => {
      const { clock, receiver, from, peerOf } = await setUp({
        download: { rate: 1000, burst: 1, onLimit: 'refuse' },
      });
      from(1, 'x'.repeat(100));
      from(1, JSON.stringify({ pattern: 'log', data: 'x'.repeat(100) }));
      from(2, JSON.stringify({ id: 'a', response: 'x'.repeat(100) }));
      from(2, '{'.repeat(100));
      await clock.advance(0);
      expect([peerOf.received(1), peerOf.received(2)]).toEqual([[], []]);
      expect(receiver.endpoint.download.stats().drops).toMatchObject({ exceeded: { datagrams: 3 } });
    });

    it('keeps refusals within 5 % of the upload limit', async () => {
      const { clock, from, peerOf } = await setUp({
        upload: { rate: 2000, burst: 10_000 },
        download: { rate: 1, burst: 1, onLimit: 'refuse' },
      });
      from(1, 'x');
      // 100 bytes a second: one refusal of 70 bytes, and not two.
      from(1, request('a'));
      from(2, request('b'));
      await clock.advance(0);
      expect([...peerOf.received(1), ...peerOf.received(2)]).toHaveLength(1);
    });
  });

  async function setUp(receiving: EndpointSetup) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    open = new Probes(() => network.environment());
    const receiver: Probe = await open.bound({ ...receiving, port: 5000 });
    const channel = new PacketChannel(receiver.endpoint, new JsonCodec(), clock, 100);
    // The probe keeps what is delivered; packets go on to the channel.
    const { onDatagram } = receiver.endpoint;
    receiver.endpoint.onDatagram = (datagram) => {
      receiver.received.push(datagram);
      onDatagram(datagram);
    };
    const senders = [await open.bound({ port: 5001 }), await open.bound({ port: 5002 })];
    const from = (no: number, text: string): void => {
      senders[no - 1]!.endpoint.post(Buffer.from(text), receiver.peer);
    };
    const peerOf = Object.assign((no: number) => senders[no - 1]!.peer, {
      received: (no: number): Buffer[] => senders[no - 1]!.received.map(({ data }) => data),
    });
    return { clock, receiver, channel, from, peerOf };
  }
});
