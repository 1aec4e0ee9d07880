import { describe, expect, it } from '@jest/globals';
import { ReleaseLoop } from '../../src/endpoint/release-loop.js';
import { resolveBandwidth } from '../../src/shaping/bandwidth.options.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { createShaper, TestDatagram } from '../support/shaped.js';

describe('ReleaseLoop', () => {
  it('releases each datagram at its instant, with one timer', async () => {
    const { clock, offer, releases } = setUp({ rate: 1000, burst: 100 });
    for (let count = 0; count < 4; count++) offer(100);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1000);
    expect(releases).toEqual([
      [100, 1],
      [200, 1],
      [300, 1],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    ['exactly, when the burst cannot make up for a late one', 100, true],
    ['exactly, when it makes up for less than timers are late', 103, true],
    ['about, when it makes up for more', 200, false],
  ])('asks to be woken %s', (_what, burst, isExact) => {
    const { clock, offer } = setUp({ rate: 1000, burst });
    const asked: unknown[] = [];
    clock.after = (_delayMs, _task, exact?: boolean) => {
      asked.push(exact);
      return () => undefined;
    };
    for (let count = 0; count < 3; count++) offer(100);
    expect(asked).toContain(isExact);
    expect(asked).not.toContain(!isExact);
  });

  it('releases after a stall what the bucket allows, and no more', async () => {
    const { clock, offer, releases } = setUp({ rate: 1000, burst: 200 });
    for (let count = 0; count < 10; count++) offer(100);
    clock.jump(10_000);
    await clock.advance(0);
    expect(releases.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
    await clock.advance(100);
    expect(releases.at(-1)).toEqual([10_100, 1]);
  });

  it('yields after 2 ms of the rate, and goes on in the next turn', async () => {
    const { clock, loop, queue, offer, releases } = setUp({ rate: 1_000_000, burst: 1_000_000 });
    queue.pause(clock.now());
    for (let count = 0; count < 50; count++) offer(100);
    queue.resume(clock.now());
    loop.aim();
    await clock.advance(0);
    expect(releases).toEqual([
      [0, 20],
      [0, 20],
      [0, 10],
    ]);
  });

  it('asks for one turn, however often it is aimed', () => {
    const { clock, loop, queue, offer } = setUp({ rate: 1000, burst: 100 });
    let turns = 0;
    clock.soon = () => void turns++;
    queue.pause(clock.now());
    offer(100);
    queue.resume(clock.now());
    for (let count = 0; count < 5; count++) loop.aim();
    expect(turns).toBe(1);
  });

  it('releases 256 at a time when there is no limit', async () => {
    const { clock, loop, queue, offer, releases } = setUp({});
    queue.pause(clock.now());
    for (let count = 0; count < 300; count++) offer(100);
    queue.resume(clock.now());
    loop.aim();
    await clock.advance(0);
    expect(releases.map(([, count]) => count)).toEqual([256, 44]);
  });

  it('expires what has waited too long, before it releases', async () => {
    const { clock, queue, offer, releases, expired } = setUp({ rate: 1000, burst: 100 }, 500);
    offer(100);
    offer(100);
    queue.pause(0);
    await clock.advance(501);
    expect(expired).toEqual([501]);
    expect(releases).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits on when a timer comes early', async () => {
    const { clock, offer, releases } = setUp({ rate: 1000, burst: 100 });
    offer(100);
    offer(100);
    clock.jump(-60);
    await clock.advance(300);
    // Credit comes only once the clock is past where it has been.
    expect(releases).toEqual([[100, 1]]);
  });

  it('tells how late it was woken', async () => {
    const { clock, offer, lateness } = setUp({ rate: 1000, burst: 100 });
    offer(100);
    offer(100);
    offer(100);
    clock.jump(130);
    await clock.advance(200);
    // Due at 100 and woken at 130; then due a whole datagram after that, and woken in time.
    expect(lateness).toEqual([30, 0]);
  });

  it('releases nothing once it is stopped', async () => {
    const { clock, loop, offer, releases } = setUp({ rate: 1000, burst: 100 });
    offer(100);
    offer(100);
    loop.stop();
    await clock.advance(1000);
    expect(releases).toEqual([]);
  });

  function setUp(bandwidth: { rate?: number; burst?: number }, maxAgeMs = Infinity) {
    const clock = new ManualClock();
    const queue = createShaper({ bandwidth: resolveBandwidth(bandwidth, 'upload'), queue: { maxAgeMs } });
    const releases: [atMs: number, count: number][] = [];
    const expired: number[] = [];
    const lateness: number[] = [];
    const loop = new ReleaseLoop(
      queue,
      clock,
      (batch, nowMs) => void releases.push([nowMs, batch.length]),
      () => void expired.push(clock.now()),
      (latenessMs) => void lateness.push(latenessMs),
    );
    const offer = (bytes: number): void => {
      if (queue.offer(new TestDatagram({ bytes }), clock.now()) === 'queued') loop.aim();
    };
    return { clock, queue, loop, releases, expired, lateness, offer };
  }
});
