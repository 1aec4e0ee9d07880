import { describe, expect, it } from '@jest/globals';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import { resolveBandwidth } from '../../src/shaping/bandwidth.options.js';
import type { FairShaper } from '../../src/shaping/fair-shaper.js';
import { resolveQueue, type QueueLimits } from '../../src/shaping/queue.options.js';
import { createShaper, TERMS, TestDatagram } from '../support/shaped.js';

// At 1000 B/s a byte takes a millisecond.
describe('FairShaper, with one flow', () => {
  describe('offer', () => {
    it('passes what conforms while nobody waits', () => {
      const queue = create();
      expect([offer(queue, 300, 0), offer(queue, 200, 0), offer(queue, 1, 0)]).toEqual([
        'pass',
        'pass',
        'queued',
      ]);
      expect([queue.queuedBytes, queue.queuedDatagrams]).toEqual([1, 1]);
    });

    it('passes one larger than the burst when the bucket is full', () => {
      const queue = create();
      expect(offer(queue, 2000, 0)).toBe('pass');
      expect(queue.tokens(0)).toBe(-1500);
    });

    it('queues a small one behind a large one, though it would conform', () => {
      const queue = create();
      offer(queue, 300, 0);
      expect([offer(queue, 400, 0), offer(queue, 1, 0)]).toEqual(['queued', 'queued']);
      expect(queue.tokens(0)).toBe(200);
    });

    it('refuses as overflow what does not fit the bytes', () => {
      const queue = create({ maxBytes: 1000 });
      offer(queue, 500, 0);
      expect([offer(queue, 600, 0), offer(queue, 401, 0), offer(queue, 400, 0), offer(queue, 1, 0)]).toEqual([
        'queued',
        'overflow',
        'queued',
        'overflow',
      ]);
      expect([queue.queuedBytes, queue.queuedDatagrams]).toEqual([1000, 2]);
    });

    it('refuses as overflow what does not fit the number of datagrams, even of no bytes', () => {
      const queue = create({ maxDatagrams: 2 });
      offer(queue, 501, 0);
      expect([offer(queue, 0, 0), offer(queue, 0, 0), offer(queue, 0, 0)]).toEqual([
        'queued',
        'queued',
        'overflow',
      ]);
    });

    it('passes one larger than the queue could hold when it need not wait', () => {
      expect(offer(create({ maxBytes: 10 }), 5000, 0)).toBe('pass');
    });

    it('refuses as expired, at once, what cannot leave within its time', () => {
      const queue = create({ maxAgeMs: 1000 });
      offer(queue, 500, 0);
      // 700 ms for the first, 300 more for the second; the third would leave at 1001.
      expect([offer(queue, 700, 0), offer(queue, 300, 0), offer(queue, 1, 0)]).toEqual([
        'queued',
        'queued',
        'expired',
      ]);
      expect(offer(queue, 1, 1)).toBe('queued');
    });

    it('counts a datagram above the burst as ready when the bucket is full', () => {
      const queue = create({ maxAgeMs: 500 });
      offer(queue, 500, 0);
      expect(offer(queue, 9000, 0)).toBe('queued');
      expect(offer(queue, 1, 0)).toBe('expired');
    });

    it('queues during a pause, whose end nobody knows', () => {
      const queue = create({ maxAgeMs: 10 });
      queue.pause(0);
      expect(offer(queue, 5000, 0)).toBe('queued');
    });

    it('calls a full queue an overflow, even where the datagram would expire as well', () => {
      const queue = create({ maxAgeMs: 10, maxBytes: 5 });
      offer(queue, 500, 0);
      expect(offer(queue, 100, 0)).toBe('overflow');
    });

    it.each([-1, NaN])('throws for a datagram of %p bytes, whether others wait or not', (bytes) => {
      const queue = create();
      expect(() => offer(queue, bytes, 0)).toThrow(new RangeError(`bytes must be 0 or more, got ${bytes}`));
      offer(queue, 500, 0);
      offer(queue, 500, 0);
      expect(() => offer(queue, bytes, 0)).toThrow(new RangeError(`bytes must be 0 or more, got ${bytes}`));
      expect([queue.queuedBytes, queue.queuedDatagrams, queue.tokens(0)]).toEqual([500, 1, 0]);
    });
  });

  describe('release', () => {
    it('gives each datagram at its instant, in order, and takes its bytes', () => {
      const queue = create();
      offer(queue, 500, 0);
      for (const bytes of [300, 100, 2000]) offer(queue, bytes, 0);
      const rows = [
        [299, undefined],
        [300, 300],
        [300, undefined],
        [400, 100],
        [899, undefined],
        [900, 2000],
        [900, undefined],
      ] as const;
      for (const [atMs, bytes] of rows) expect([atMs, queue.release(atMs)?.bytes]).toEqual([atMs, bytes]);
      expect([queue.queuedBytes, queue.tokens(900)]).toEqual([0, -1500]);
    });

    it('never skips the head for a smaller datagram', () => {
      const queue = create();
      offer(queue, 500, 0);
      offer(queue, 400, 0);
      offer(queue, 1, 0);
      expect(queue.release(399)).toBeUndefined();
      expect([queue.release(401)?.bytes, queue.release(401)?.bytes]).toEqual([400, 1]);
    });

    it('gives nothing when nothing waits, and keeps the tokens', () => {
      const queue = create();
      expect(queue.release(0)).toBeUndefined();
      expect(queue.tokens(0)).toBe(500);
    });

    it('gives nothing during a pause, and follows the rate after it', () => {
      const queue = create();
      offer(queue, 500, 0);
      offer(queue, 300, 0);
      queue.pause(100);
      expect([queue.paused, queue.release(5000)]).toEqual([true, undefined]);
      queue.resume(5000);
      expect([queue.paused, queue.release(5199), queue.release(5200)?.bytes]).toEqual([
        false,
        undefined,
        300,
      ]);
    });

    it('follows a new rate, also for what waits already', () => {
      const queue = create();
      offer(queue, 500, 0);
      offer(queue, 300, 0);
      queue.setBandwidth(limit(10_000), 100);
      expect([queue.nextEventMs(100), queue.release(119.9), queue.release(120)?.bytes]).toEqual([
        120,
        undefined,
        300,
      ]);
      expect(queue.bandwidth).toEqual(limit(10_000));
    });

    it('lets all go when the limit is lifted', () => {
      const queue = create();
      for (const bytes of [500, 300, 65_507]) offer(queue, bytes, 0);
      queue.setBandwidth(limit(Infinity), 0);
      expect(queue.nextEventMs(0)).toBe(0);
      expect([queue.release(0)?.bytes, queue.release(0)?.bytes, queue.release(0)]).toEqual([
        300,
        65_507,
        undefined,
      ]);
      expect([queue.burstBytes, queue.tokens(0)]).toEqual([Infinity, Infinity]);
    });
  });

  describe('expire', () => {
    it('takes out what is older than its time, and nothing that is just as old', () => {
      const queue = create({ maxAgeMs: 1000 });
      queue.pause(0);
      offer(queue, 1, 0);
      offer(queue, 2, 10);
      expect(queue.expire(1000)).toBeUndefined();
      expect([queue.expire(1000.5)?.bytes, queue.expire(1000.5)]).toEqual([1, undefined]);
      expect([queue.expire(1011)?.bytes, queue.expire(1011)]).toEqual([2, undefined]);
      expect([queue.queuedBytes, queue.queuedDatagrams]).toEqual([0, 0]);
    });

    it('takes no tokens', () => {
      const queue = create({ maxAgeMs: 1000 });
      queue.pause(0);
      offer(queue, 400, 0);
      queue.expire(2000);
      expect(queue.tokens(2000)).toBe(500);
    });

    it('takes out what a lower rate has overtaken', () => {
      const queue = create({ maxAgeMs: 1000 });
      offer(queue, 500, 0);
      expect(offer(queue, 400, 0)).toBe('queued');
      queue.setBandwidth(limit(1), 0);
      expect([queue.nextEventMs(0), queue.release(1001), queue.expire(1001)?.bytes]).toEqual([
        1001,
        undefined,
        400,
      ]);
    });
  });

  describe('nextEventMs', () => {
    it('is never when nothing waits', () => {
      expect(create().nextEventMs(0)).toBe(Infinity);
    });

    it('is the instant at which the head conforms', () => {
      const queue = create();
      offer(queue, 500, 0);
      offer(queue, 300, 0);
      offer(queue, 1, 0);
      expect([queue.nextEventMs(0), queue.nextEventMs(120), queue.nextEventMs(300)]).toEqual([300, 300, 300]);
      expect(queue.nextEventMs(500)).toBe(500);
    });

    it('is the same instant for a clock that stepped back', () => {
      const queue = create();
      offer(queue, 500, 1000);
      offer(queue, 300, 1000);
      expect(queue.nextEventMs(200)).toBe(1300);
    });

    it('is the time to expire during a pause', () => {
      const queue = create({ maxAgeMs: 1000 });
      queue.pause(0);
      offer(queue, 300, 5);
      const atMs = queue.nextEventMs(5);
      expect(atMs).toBe(1006);
      expect(queue.expire(atMs)?.bytes).toBe(300);
    });

    it('is never during a pause when nothing expires', () => {
      const queue = create({ maxAgeMs: Infinity });
      queue.pause(0);
      offer(queue, 300, 0);
      expect(queue.nextEventMs(0)).toBe(Infinity);
    });
  });

  describe('batchSize', () => {
    // About 2 ms of the rate, from 16 to 256 datagrams.
    it.each([
      [100, 1232, 16],
      [9_856_000, 1232, 16],
      [9_857_000, 1232, 17],
      [61_600_000, 1232, 100],
      [157_000_000, 1232, 255],
      [1e9, 1232, 256],
      [1e6, 0, 256],
      [1e6, 100, 20],
    ])('at %d B/s and a head of %d bytes is %d', (rate, bytes, datagrams) => {
      const queue = createShaper({ bandwidth: limit(rate, 1) });
      offer(queue, 100, 0);
      expect(offer(queue, bytes, 0)).toBe('queued');
      expect(queue.batchSize).toBe(datagrams);
    });

    it('is 256 without a limit', () => {
      const queue = create();
      offer(queue, 500, 0);
      offer(queue, 65_507, 0);
      queue.setBandwidth(limit(Infinity), 0);
      expect(queue.batchSize).toBe(256);
    });

    it('is 1 when nothing waits', () => {
      expect(create().batchSize).toBe(1);
    });
  });

  describe('latenessAllowedMs', () => {
    it.each([
      // From the head's instant on the bucket gathers what is left of the burst: 1 byte a millisecond here.
      ['until the bucket is full again', 100, 400],
      ['not at all when the head is the whole burst', 500, 0],
      ['not at all when the head is more than the burst', 700, 0],
    ])('is %s', (_what, bytes, expected) => {
      const queue = create();
      offer(queue, 500, 0);
      expect(offer(queue, bytes, 0)).toBe('queued');
      queue.nextEventMs(0);
      expect(queue.latenessAllowedMs).toBe(expected);
    });

    it('is endless when nothing waits, or there is no limit', () => {
      const queue = create();
      expect(queue.latenessAllowedMs).toBe(Infinity);
      offer(queue, 500, 0);
      offer(queue, 500, 0);
      queue.setBandwidth(limit(Infinity, Infinity), 0);
      queue.nextEventMs(0);
      expect(queue.latenessAllowedMs).toBe(Infinity);
    });
  });

  describe('headAgeMs', () => {
    it('is the wait of the oldest datagram, and 0 when none waits or the clock stepped back', () => {
      const queue = create();
      expect(queue.headAgeMs(100)).toBe(0);
      offer(queue, 500, 100);
      offer(queue, 500, 110);
      offer(queue, 500, 120);
      expect([queue.headAgeMs(150), queue.headAgeMs(90)]).toEqual([40, 0]);
    });
  });

  it('sends 486-byte datagrams at 100 B/s every 4.86 s', () => {
    const queue = createShaper({ bandwidth: resolveBandwidth('100 B/s', 'upload') });
    const verdicts = [1, 2, 3, 4].map(() => offer(queue, 486, 0));
    expect(verdicts).toEqual(['pass', 'queued', 'queued', 'queued']);
    const leftMs: number[] = [];
    for (let nowMs = 0; (nowMs = queue.nextEventMs(nowMs)) !== Infinity;) {
      expect(queue.release(nowMs)?.bytes).toBe(486);
      leftMs.push(nowMs);
    }
    expect(leftMs).toEqual([4860, 9720, 14_580]);
  });

  it('refuses as expired what the default 30 s do not suffice for', () => {
    const queue = createShaper({
      bandwidth: resolveBandwidth('100 B/s', 'upload'),
      queue: resolveQueue(undefined, 'queue'),
    });
    const verdicts = Array.from({ length: 9 }, () => offer(queue, 486, 0));
    // The seventh would leave at 29.16 s, the eighth at 34.02 s.
    expect(verdicts).toEqual(['pass', ...Array<string>(6).fill('queued'), 'expired', 'expired']);
  });

  it('passes everything at once without a limit', () => {
    const queue = createShaper();
    for (let nth = 0; nth < 10_000; nth++) expect(offer(queue, 65_507, 0)).toBe('pass');
    expect([queue.queuedDatagrams, queue.nextEventMs(0)]).toEqual([0, Infinity]);
  });

  it('gives out all that waits for closing, whatever the limit says', () => {
    const queue = create();
    for (const bytes of [500, 400, 300]) offer(queue, bytes, 0);
    queue.pause(0);
    expect([queue.discard(0)?.bytes, queue.discard(0)?.bytes, queue.discard(0)]).toEqual([
      400,
      300,
      undefined,
    ]);
    expect([queue.queuedBytes, queue.queuedDatagrams]).toEqual([0, 0]);
  });

  it('tells its bounds', () => {
    expect(create({ maxBytes: 7 }).queueLimits).toEqual({ ...LIMITS, maxBytes: 7 });
    expect(create().burstBytes).toBe(500);
  });
});

const LIMITS: QueueLimits = { ...TERMS.queue, maxBytes: 1_000_000, maxDatagrams: 100, maxAgeMs: 30_000 };

function create(limits: Partial<QueueLimits> = {}): FairShaper<TestDatagram> {
  return createShaper({ bandwidth: limit(1000), queue: { ...LIMITS, ...limits } });
}

function offer(queue: FairShaper<TestDatagram>, bytes: number, nowMs: number): string {
  return queue.offer(new TestDatagram({ bytes }), nowMs);
}

function limit(rateBytesPerSecond: number, burstBytes = 500): Bandwidth {
  return { rateBytesPerSecond, burstBytes, burstTimeMs: 20 };
}
