import { afterEach, describe, expect, it } from '@jest/globals';
import { EndpointClosedError, QueueTimeoutError } from '../../src/endpoint/endpoint.errors.js';
import type { DirectionStats } from '../../src/telemetry/stats.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes, rejection, type EndpointSetup, type Probe } from './fixture.js';

describe('UdpEndpoint on a virtual network', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  describe('upload', () => {
    it('of 486-byte datagrams at 100 B/s lets one leave every 4860 ms', async () => {
      const { clock, send } = await setUp({ upload: '100 B/s', queue: { maxAge: Infinity } });
      const leftAt: number[] = [];
      for (let count = 0; count < 5; count++) void send(486).then(() => leftAt.push(clock.now()));
      await clock.advance(60_000);
      // The burst of 2 bytes is taken by the first one; the rest of it is a debt of 484.
      expect(leftAt.map((atMs) => Math.round(atMs * 1e6) / 1e6)).toEqual([0, 4860, 9720, 14_580, 19_440]);
    });

    it('follows a new rate while datagrams wait', async () => {
      const { clock, sender, send } = await setUp({ upload: { rate: 100, burst: 100 } });
      const leftAt: number[] = [];
      for (let count = 0; count < 4; count++) void send(100).then(() => leftAt.push(clock.now()));
      await clock.advance(500);
      sender.endpoint.upload.setRate(200); // 50 of 100 bytes are there
      await clock.advance(250);
      sender.endpoint.upload.setRate(0);
      await clock.advance(0);
      expect(leftAt).toEqual([0, 750, 750, 750]);
      expect(sender.endpoint.upload.rate).toBe(Infinity);
    });

    it('reads rates as options do, and refuses what is not clear', async () => {
      const { sender } = await setUp({});
      sender.endpoint.upload.setRate('64 KiB/s');
      expect(sender.endpoint.upload.rate).toBe(65_536);
      expect(() => sender.endpoint.upload.setRate('1 Mbps')).toThrow(/bps/);
      expect(() => sender.endpoint.upload.setRate(-1)).toThrow(/negative/);
      expect(sender.endpoint.upload.rate).toBe(65_536);
    });

    it('gathers no credit while it is paused', async () => {
      const { clock, sender, send } = await setUp({ upload: { rate: 100, burst: 100 } });
      const leftAt: number[] = [];
      for (let count = 0; count < 3; count++) void send(100).then(() => leftAt.push(clock.now()));
      await clock.advance(400);
      sender.endpoint.upload.pause();
      expect(sender.endpoint.upload.stats().paused).toBe(true);
      await clock.advance(10_000);
      sender.endpoint.upload.resume();
      await clock.advance(5000);
      expect(leftAt).toEqual([0, 11_000, 12_000]);
    });

    it('of no limit can be paused too', async () => {
      const { clock, sender, receiver, send } = await setUp({});
      sender.endpoint.upload.pause();
      void send(10);
      await clock.advance(1000);
      expect(receiver.received).toHaveLength(0);
      sender.endpoint.upload.resume();
      await clock.advance(0);
      expect(receiver.received).toHaveLength(1);
    });

    it('refuses at once what cannot leave in time', async () => {
      const { sender, send } = await setUp({ upload: { rate: 100, burst: 100 }, queue: { maxAge: 2000 } });
      const sends = Array.from({ length: 4 }, () => rejection(send(100)));
      const error = await sends[3];
      expect(error).toBeInstanceOf(QueueTimeoutError);
      expect(error).toMatchObject({ queuedBytes: 200, maxAgeMs: 2000 });
      expect(sender.endpoint.upload.stats().drops).toEqual({ expired: { datagrams: 1, bytes: 100 } });
    });

    it('drops what a pause has kept for too long', async () => {
      const { clock, sender, send } = await setUp({
        upload: { rate: 100, burst: 100 },
        queue: { maxAge: 2000 },
      });
      sender.endpoint.upload.pause();
      const error = rejection(send(100));
      await clock.advance(2000);
      expect(sender.endpoint.upload.stats().queueAgeMs).toBe(2000);
      await clock.advance(1);
      expect(await error).toBeInstanceOf(QueueTimeoutError);
      expect(sender.endpoint.upload.stats()).toMatchObject({ queuedDatagrams: 0, queueAgeMs: 0 });
    });

    it('is drained when nothing waits any more', async () => {
      const { clock, sender, send } = await setUp({ upload: { rate: 100, burst: 100 } });
      await sender.endpoint.drained();
      let drainedAt = -1;
      for (let count = 0; count < 3; count++) void send(100);
      void sender.endpoint.drained().then(() => (drainedAt = clock.now()));
      await clock.advance(5000);
      expect(drainedAt).toBe(2000);
    });

    it('loses no datagram from its books, whatever happens', async () => {
      const { clock, network, sender, send } = await setUp(
        {
          upload: { rate: 10_000, burst: 1000 },
          queue: { maxBytes: 20_000, maxAge: 1500 },
          maxDatagramSize: 900,
        },
        { loss: 0.1, duplicate: 0.1, reorder: 0.1, delayMs: [1, 9], seed: 21 },
      );
      const { upload } = sender.endpoint;
      let [offered, told] = [0, 0];
      for (let round = 0; round < 200; round++) {
        if (round === 50) upload.pause();
        if (round === 100) upload.resume();
        if (round === 150) upload.setRate('1 kB/s');
        for (let count = 0; count < 5; count++) {
          offered++;
          void rejection(send((round * 37 + count * 211) % 1000)).then(() => told++);
        }
        await clock.advance(20);
        const { datagrams, queuedDatagrams, queuedBytes, drops } = upload.stats();
        expect(datagrams + queuedDatagrams + dropped({ drops })).toBe(offered);
        expect(queuedBytes).toBeLessThanOrEqual(20_000);
      }
      await sender.endpoint.close();
      await clock.advance(100);
      expect(told).toBe(offered);
      const { drops, datagrams } = upload.stats();
      expect(Object.keys(drops).sort()).toEqual(['closed', 'expired', 'overflow', 'too-large']);
      expect(sender.drops).toHaveLength(dropped({ drops }));
      const { sent, duplicated, delivered, lost, undeliverable } = network.counters;
      expect([network.describe(), sent]).toEqual([network.describe(), datagrams]);
      expect(delivered + lost + undeliverable).toBe(sent + duplicated);
    });

    it('lets no window exceed the rate and the burst, when the loop stalls too', async () => {
      const { clock, send } = await setUp({
        upload: { rate: 1000, burst: 300 },
        queue: { maxAge: Infinity },
      });
      const departures: { atMs: number; bytes: number }[] = [];
      for (let count = 0; count < 60; count++) {
        const bytes = 50 + ((count * 71) % 400);
        void send(bytes).then(() => departures.push({ atMs: clock.now(), bytes }));
      }
      for (let step = 0; step < 60; step++) {
        if (step % 7 === 3) clock.jump(900);
        await clock.advance(300);
      }
      expect(departures).toHaveLength(60);
      for (let first = 0; first < departures.length; first++) {
        let bytes = 0;
        for (let last = first; last < departures.length; last++) {
          bytes += departures[last]!.bytes;
          const windowMs = departures[last]!.atMs - departures[first]!.atMs;
          expect(bytes).toBeLessThanOrEqual(windowMs + 450 + 1e-3);
        }
      }
    });
  });

  describe('download', () => {
    it('that delays hands datagrams on at the rate', async () => {
      const { clock, receiver, send } = await setUp({}, {}, { download: { rate: 100, burst: 100 } });
      const at: number[] = [];
      receiver.endpoint.onDatagram = ({ receivedAtMs }) => void at.push(clock.now() - receivedAtMs);
      for (let count = 0; count < 4; count++) void send(100);
      await clock.advance(0);
      expect(receiver.endpoint.download.stats()).toMatchObject({
        queuedBytes: 300,
        queuedDatagrams: 3,
        datagrams: 1,
      });
      await clock.advance(5000);
      expect(at).toEqual([0, 1000, 2000, 3000]);
      expect(receiver.endpoint.download.stats()).toMatchObject({ bytes: 400, datagrams: 4, drops: {} });
    });

    it('that delays drops what does not fit, and says so', async () => {
      const { clock, receiver, send } = await setUp(
        {},
        {},
        { download: { rate: 100, burst: 100, maxBytes: 200 } },
      );
      let overflows = 0;
      receiver.events.on('overflow', ({ direction }) => void (overflows += direction === 'download' ? 1 : 0));
      for (let count = 0; count < 10; count++) void send(100);
      await clock.advance(0);
      expect(receiver.endpoint.download.stats()).toMatchObject({
        queuedBytes: 200,
        drops: { overflow: { datagrams: 7, bytes: 700 } },
      });
      expect(receiver.drops).toHaveLength(7);
      expect(receiver.drops[0]).toMatchObject({ direction: 'download', reason: 'overflow', bytes: 100 });
      expect(overflows).toBe(1);
    });

    it('that drops lets through what conforms, and counts the rest', async () => {
      const { clock, receiver, send } = await setUp(
        {},
        {},
        { download: { rate: 100, burst: 200, onLimit: 'drop' } },
      );
      for (let count = 0; count < 5; count++) void send(100);
      await clock.advance(1000);
      void send(100);
      await clock.advance(0);
      expect(receiver.endpoint.download.stats()).toMatchObject({
        datagrams: 3,
        queuedDatagrams: 0,
        drops: { exceeded: { datagrams: 3, bytes: 300 } },
      });
    });

    it('counts what it still holds when it closes', async () => {
      const { clock, receiver, send } = await setUp({}, {}, { download: { rate: 100, burst: 100 } });
      for (let count = 0; count < 4; count++) void send(100);
      await clock.advance(0);
      await receiver.endpoint.close();
      expect(receiver.endpoint.download.stats()).toMatchObject({
        datagrams: 1,
        queuedDatagrams: 0,
        drops: { closed: { datagrams: 3, bytes: 300 } },
      });
    });

    it('can be paused', async () => {
      const { clock, receiver, send } = await setUp({}, {});
      receiver.endpoint.download.pause();
      void send(10);
      await clock.advance(100);
      expect(receiver.received).toHaveLength(0);
      receiver.endpoint.download.resume();
      await clock.advance(0);
      expect(receiver.received).toHaveLength(1);
    });
  });

  describe('events', () => {
    it('tells an overflow once, until the queue has fallen to half', async () => {
      const { clock, sender, send } = await setUp({
        upload: { rate: 100, burst: 100 },
        queue: { maxBytes: 400, maxAge: Infinity },
      });
      const overflows: number[] = [];
      sender.events.on('overflow', ({ queuedBytes }) => void overflows.push(queuedBytes));
      const fill = (): void => {
        for (let count = 0; count < 6; count++) void rejection(send(100));
      };
      fill();
      await clock.advance(1000); // 300 bytes are left: more than half
      fill();
      expect(overflows).toEqual([400]);
      await clock.advance(2000);
      fill();
      expect(overflows).toEqual([400, 400]);
    });

    it('of a listener that throws become errors, and hurt nothing', async () => {
      const { clock, sender, receiver, send } = await setUp({ maxDatagramSize: 10 });
      sender.events.on('drop', () => {
        throw new Error('broken listener');
      });
      const refused = await rejection(send(11));
      expect(refused).toMatchObject({ code: 'UDP_MESSAGE_TOO_LARGE' });
      expect(sender.unobserved.map(({ message }) => message)).toEqual(['broken listener']);
      await send(5);
      await clock.advance(0);
      expect(receiver.received).toHaveLength(1);
    });

    it('find the endpoint closed when a dropped datagram is told', async () => {
      const { sender, receiver } = await setUp({ upload: { rate: 100, burst: 100 } });
      const { endpoint } = sender;
      const told: Error[] = [];
      let wasClosed = false;
      const left = (): void => undefined;
      endpoint.post(Buffer.alloc(100), receiver.peer);
      endpoint.post(Buffer.alloc(100), receiver.peer, {
        left,
        dropped: (first) => {
          told.push(first);
          wasClosed = endpoint.closed;
          endpoint.post(Buffer.alloc(1), receiver.peer, {
            left,
            dropped: (second) => void told.push(second),
          });
        },
      });
      await endpoint.close();
      expect(wasClosed).toBe(true);
      expect(told).toHaveLength(2);
      for (const error of told) expect(error).toBeInstanceOf(EndpointClosedError);
      expect(endpoint.upload.stats().queuedDatagrams).toBe(0);
    });
  });

  describe('stats', () => {
    it('are frozen and tell rates, tokens and debt', async () => {
      const { clock, sender, send } = await setUp({ upload: { rate: 1000, burst: 100 } });
      void send(250);
      await clock.advance(1100);
      const { upload } = sender.endpoint.stats();
      expect(Object.isFrozen(sender.endpoint.stats()) && Object.isFrozen(upload)).toBe(true);
      expect(upload).toMatchObject({
        bytes: 250,
        bytesPerSecond10s: 25,
        limitBytesPerSecond: 1000,
        tokens: 100,
        paused: false,
      });
      void send(250);
      expect(sender.endpoint.upload.stats().tokens).toBe(-150);
    });

    it('of an endpoint without a limit say so', async () => {
      const { sender } = await setUp({});
      expect(sender.endpoint.stats().upload).toMatchObject({
        limitBytesPerSecond: Infinity,
        tokens: Infinity,
      });
      expect(sender.endpoint.stats().driver).toBe('virtual');
    });
  });

  async function setUp(
    sending: EndpointSetup,
    conditions: Omit<ConstructorParameters<typeof VirtualNetwork>[0], 'clock'> = {},
    receiving: EndpointSetup = {},
  ) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock, ...conditions });
    open = new Probes((host) => network.environment(host));
    const sender: Probe = await open.bound({ host: '10.0.0.1', ...sending });
    const receiver: Probe = await open.bound({ host: '10.0.0.2', ...receiving });
    const send = (bytes: number): Promise<void> => sender.endpoint.send(Buffer.alloc(bytes), receiver.peer);
    return { clock, network, sender, receiver, send };
  }
});

function dropped({ drops }: Pick<DirectionStats, 'drops'>): number {
  return Object.values(drops).reduce((sum, { datagrams }) => sum + datagrams, 0);
}
