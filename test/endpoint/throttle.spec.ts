import { afterEach, describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import { rankOf, type TrafficClassName } from '../../src/common/traffic-class.js';
import { DatagramDroppedError, TooManyPeersError } from '../../src/endpoint/endpoint.errors.js';
import { USUAL_PASSAGE, type MutablePassage, type Passage } from '../../src/endpoint/passage.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes, rejection, type EndpointSetup, type Probe } from './fixture.js';

// At 1000 B/s a byte takes a millisecond.
const LIMITED = { rate: 1000, burst: 100 };

describe('Throttle', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  describe('peer', () => {
    it('limits one peer and leaves the others alone', async () => {
      const { clock, upload, send, left } = await setUp({ perPeer: { key: 'address-port' } });
      upload.peer({ host: '127.0.0.1', port: 5001 }).setRate(1000);
      for (let nth = 0; nth < 3; nth++) {
        send(100, { port: 5001 });
        send(100, { port: 5002 });
      }
      await clock.advance(1000);
      expect(left.filter(({ port }) => port === 5002).map(({ atMs }) => atMs)).toEqual([0, 0, 0]);
      // The burst of 20 bytes lets the first one go on credit.
      expect(left.filter(({ port }) => port === 5001).map(({ atMs }) => atMs)).toEqual([0, 100, 200]);
    });

    it.each([
      ['by address', 'address', '127.0.0.1'],
      ['by an address in another form', 'address', '::ffff:127.0.0.1'],
      ['by address and port', 'address-port', '127.0.0.1:5001'],
      ['by an address, where prefixes are peers', 'prefix', '127.0.0.9'],
      ['by its prefix', 'prefix', '127.0.0.0/24'],
    ] as const)('is found %s', async (_what, key, name) => {
      const { upload } = await setUp({ perPeer: { key } });
      upload.peer(name).setRate('2 kB/s');
      expect(upload.peer({ host: '127.0.0.1', port: 5001 }).rate).toBe(2000);
    });

    it.each([5, { host: 'example.org', port: 1 }, { host: '127.0.0.1' }, undefined])(
      'refuses %j',
      async (peer) => {
        const { upload } = await setUp({});
        expect(() => upload.peer(peer as never)).toThrow(
          /^peer must be a key, an address, or an address with a port/,
        );
      },
    );

    it('tells the limit of all peers until one of its own is set, and again after a reset', async () => {
      const { upload } = await setUp({ perPeer: { upload: '5 kB/s' } });
      const peer = upload.peer('127.0.0.1');
      expect(peer.rate).toBe(5000);
      peer.setRate('1 kB/s');
      expect([peer.rate, upload.peer('127.0.0.1').rate, upload.peer('127.0.0.2').rate]).toEqual([
        1000, 1000, 5000,
      ]);
      peer.reset();
      expect([peer.rate, upload.stats().peers]).toEqual([5000, 1]);
    });

    it('follows within 5 ms a rate that goes up, down, away and back, a pause and a resume', async () => {
      const { clock, upload, send, left } = await setUp({ perPeer: { upload: { rate: 100, burst: 100 } } });
      const peer = upload.peer('127.0.0.1');
      for (let nth = 0; nth < 12; nth++) send(100);
      await clock.advance(500);
      const times = (): number[] => left.map(({ atMs }) => Math.round(atMs));
      expect(times()).toEqual([0]);
      peer.setRate(1000); // half of 100 bytes are there, the rest takes 50 ms
      await clock.advance(150);
      expect(times()).toEqual([0, 550, 650]);
      peer.setRate(100);
      await clock.advance(1000);
      expect(times()).toEqual([0, 550, 650, 1650]);
      peer.pause();
      expect(peer.stats().paused).toBe(true);
      await clock.advance(5000);
      expect(times()).toHaveLength(4);
      peer.resume();
      await clock.advance(1000);
      expect(times()).toEqual([0, 550, 650, 1650, 7650]);
      peer.setRate(0);
      await clock.advance(1);
      expect(times()).toHaveLength(12);
    });

    it('gives its figures: limit, backlog, and what became of it since it was first asked', async () => {
      const { clock, upload, send } = await setUp({
        perPeer: { upload: LIMITED },
        queue: { maxPeerBytes: 250 },
      });
      const peer = upload.peer('127.0.0.1');
      expect(peer.stats()).toMatchObject({
        bytes: 0,
        datagrams: 0,
        limitBytesPerSecond: 1000,
        tokens: Infinity,
      });
      for (let nth = 0; nth < 5; nth++) send(100);
      await clock.advance(50);
      expect(peer.stats()).toMatchObject({
        bytes: 100,
        datagrams: 1,
        tokens: 50,
        queuedBytes: 200,
        queuedDatagrams: 2,
        queueAgeMs: 50,
        drops: { overflow: { datagrams: 2, bytes: 200 } },
      });
      await clock.advance(1000);
      expect(peer.stats()).toMatchObject({
        bytes: 300,
        queuedBytes: 0,
        sojournP50Ms: 100,
        sojournP99Ms: 200,
      });
    });

    it('has no room for more limits than peers may be remembered', async () => {
      const { upload } = await setUp({ perPeer: { maxPeers: 2 } });
      upload.peer('10.0.0.1').setRate(1);
      upload.peer('10.0.0.2').pause();
      expect(() => upload.peer('10.0.0.3').setRate(1)).toThrow(TooManyPeersError);
      upload.peer('10.0.0.1').reset();
      expect(() => upload.peer('10.0.0.3').setRate(1)).not.toThrow();
    });
  });

  describe('pattern', () => {
    it('limits the replies of one handler, from when it is set', async () => {
      const { clock, upload, send, left } = await setUp({});
      const passage: MutablePassage = { ...USUAL_PASSAGE };
      upload.findPassage = (pattern) => (pattern === 'list' ? passage : undefined);
      expect([upload.pattern('list').rate, upload.pattern('list').stats().tokens]).toEqual([
        Infinity,
        Infinity,
      ]);
      upload.pattern('list').setRate(1000);
      for (let nth = 0; nth < 3; nth++) {
        send(100, { passage });
        send(50);
      }
      expect(upload.pattern('list').stats()).toMatchObject({ queuedBytes: 200, limitBytesPerSecond: 1000 });
      await clock.advance(1000);
      expect(left.map(({ bytes, atMs }) => [bytes, atMs])).toEqual([
        [100, 0],
        [50, 0],
        [50, 0],
        [50, 0],
        [100, 100],
        [100, 200],
      ]);
      expect(upload.pattern('list').stats().queuedBytes).toBe(0);
    });

    it('refuses a pattern without a handler', async () => {
      const { upload } = await setUp({});
      expect(() => upload.pattern('lsit')).toThrow("pattern 'lsit' has no handler");
    });
  });

  describe('traffic classes', () => {
    it('go in their order, and are counted apart', async () => {
      const { clock, upload, send, left } = await setUp({ upload: LIMITED });
      send(100);
      for (const name of ['bulk', 'interactive', 'control'] as const) send(100, { passage: classOf(name) });
      expect(upload.stats().classes.bulk).toMatchObject({
        queuedBytes: 100,
        queuedDatagrams: 1,
        queueAgeMs: 0,
      });
      await clock.advance(1000);
      expect(left.map(({ rank }) => rank)).toEqual([1, 0, 1, 2]);
      const { control, interactive, bulk } = upload.stats().classes;
      expect([control, interactive, bulk].map(({ bytes }) => bytes)).toEqual([100, 200, 100]);
      expect([control, interactive, bulk].map(({ sojournP99Ms }) => sojournP99Ms)).toEqual([100, 200, 300]);
    });
  });

  describe('overhead', () => {
    it('counts against the limit, the queue and the figures', async () => {
      const { clock, upload, send, left } = await setUp({ upload: LIMITED, overhead: 'ip' });
      send(72);
      send(72);
      expect([upload.stats().bytes, upload.stats().queuedBytes]).toEqual([0, 100]);
      await clock.advance(99);
      expect(left).toHaveLength(1);
      await clock.advance(1);
      expect([left.length, upload.stats().bytes]).toEqual([2, 200]);
    });

    it('leaves the size of datagrams alone', async () => {
      const { send, left, clock } = await setUp({ overhead: 100, maxDatagramSize: 50 });
      send(50);
      await clock.advance(0);
      expect(left).toHaveLength(1);
    });
  });

  describe('a datagram that must not wait', () => {
    it('leaves at once, and is counted by no limit', async () => {
      const { clock, upload, send, left } = await setUp({ upload: LIMITED });
      send(100);
      send(100);
      const passage: Passage = { ...USUAL_PASSAGE, isUnmetered: true };
      send(1000, { passage });
      expect([upload.stats().tokens, upload.stats().queuedBytes]).toEqual([0, 100]);
      await clock.advance(100);
      expect(left.map(({ bytes, atMs }) => [bytes, atMs])).toEqual([
        [100, 0],
        [1000, 0],
        [100, 100],
      ]);
    });
  });

  describe('a signal', () => {
    it('takes back a datagram that waits', async () => {
      const { clock, sender, peer, upload, send } = await setUp({ upload: LIMITED });
      send(100);
      const aborted = new AbortController();
      const sent = sender.endpoint.send(Buffer.alloc(100), peer, undefined, aborted.signal);
      const reason = rejection(sent);
      expect(upload.stats().queuedDatagrams).toBe(1);
      aborted.abort(new Error('not any more'));
      expect(await reason).toEqual(new Error('not any more'));
      expect(upload.stats()).toMatchObject({
        queuedDatagrams: 0,
        drops: { aborted: { datagrams: 1, bytes: 100 } },
      });
      await clock.advance(1000);
      expect(upload.stats().datagrams).toBe(1);
      expect(clock.pendingTimers).toBe(0);
    });

    it('changes nothing for one that has left', async () => {
      const { clock, sender, peer } = await setUp({});
      const aborted = new AbortController();
      const sent = sender.endpoint.send(Buffer.alloc(100), peer, undefined, aborted.signal);
      await clock.advance(0);
      aborted.abort();
      await expect(sent).resolves.toBeUndefined();
    });

    it('sends nothing when it was aborted before', async () => {
      const { sender, peer, upload } = await setUp({});
      const sent = sender.endpoint.send(Buffer.alloc(1), peer, undefined, AbortSignal.abort(new Error('no')));
      expect(await rejection(sent)).toEqual(new Error('no'));
      expect(upload.stats().datagrams).toBe(0);
    });
  });

  it('tells a sender whose datagram a policy has dropped', async () => {
    const { clock, sender, peer, send } = await setUp({
      upload: LIMITED,
      queue: { maxBytes: 150, overflow: 'drop-oldest' },
    });
    send(100);
    await clock.advance(0); // the kernel has it
    const first = rejection(sender.endpoint.send(Buffer.alloc(100), peer));
    send(100);
    expect(await first).toEqual(new DatagramDroppedError(peer, 'overflow'));
  });

  it('names the bound that was met: of one peer, or of all', async () => {
    const { clock, sender, peer, send } = await setUp({
      upload: LIMITED,
      queue: { maxBytes: 500, maxPeerBytes: 200 },
      perPeer: { key: 'address-port' },
    });
    send(100);
    await clock.advance(0);
    for (const port of [5001, 5001, 5002, 5002]) send(100, { port });
    expect(await rejection(sender.endpoint.send(Buffer.alloc(100), peer))).toMatchObject({
      message: 'send queue for 127.0.0.1:5001 is full: 2 datagrams, 200 of 200 bytes',
    });
    const other = PeerAddress.of('127.0.0.1', 5003);
    expect(await rejection(sender.endpoint.send(Buffer.alloc(150), other))).toMatchObject({
      message: 'send queue for 127.0.0.1:5003 is full: 4 datagrams, 400 of 500 bytes',
    });
  });

  it('tells the rate that stalls have cost, and how late its timer was', async () => {
    const { clock, upload, send } = await setUp({ upload: LIMITED });
    for (let nth = 0; nth < 5; nth++) send(100);
    clock.jump(1000);
    await clock.advance(0);
    // Of 1000 bytes of rate, the burst of 100 was kept.
    expect(upload.stats()).toMatchObject({ spilledBytes: 900, timerLatenessP99Ms: 900, datagrams: 2 });
  });

  async function setUp(setup: EndpointSetup) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    open = new Probes(() => network.environment());
    const sender = await open.bound({ ...setup, port: 4000 });
    await open.bound({ port: 5001 });
    await open.bound({ port: 5002 });
    const left: { bytes: number; port: number; rank: number; atMs: number }[] = [];
    const peer = PeerAddress.of('127.0.0.1', 5001);
    const send = (bytes: number, { port = 5001, passage = USUAL_PASSAGE } = {}): void => {
      const { rank } = passage;
      sender.endpoint.post(
        Buffer.alloc(bytes),
        PeerAddress.of('127.0.0.1', port),
        { left: (atMs) => left.push({ bytes, port, rank, atMs }), dropped: () => {} },
        passage,
      );
    };
    return { clock, sender, peer, upload: (sender satisfies Probe).endpoint.upload, send, left };
  }

  function classOf(name: TrafficClassName): Passage {
    return { ...USUAL_PASSAGE, rank: rankOf(name) };
  }
});
