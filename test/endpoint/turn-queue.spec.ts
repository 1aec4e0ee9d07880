import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { TurnQueue } from '../../src/endpoint/turn-queue.js';

describe('TurnQueue', () => {
  it('hand on at once what costs little, and watch nothing', () => {
    const { turns, handed, soon, arrive } = setUp(0);
    for (let nth = 0; nth < 1000; nth++) arrive(nth);
    expect(handed).toHaveLength(1000);
    // One for the first of them, after a time without any.
    expect(soon).toHaveLength(1);
    expect(turns.shift()).toBeUndefined();
  });

  it('leave what comes after 8 ms of work to the next turns, in order', () => {
    const { handed, soon, arrive } = setUp(3);
    for (let nth = 0; nth < 10; nth++) arrive(nth);
    expect(handed).toEqual([0, 1, 2]);
    soon.shift()!();
    expect(handed).toEqual([0, 1, 2, 3, 4, 5]);
    soon.shift()!();
    expect(handed).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // Whoever comes now stands behind those that wait.
    arrive(10);
    soon.shift()!();
    expect(handed).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    soon.shift()!();
    expect(soon).toHaveLength(0);
  });

  it('count what handlers take behind a promise, four at a time', async () => {
    const { handed, soon, arrive } = setUp(10, true);
    arrive(0);
    await nextTurn();
    for (let nth = 1; nth <= 12; nth++) arrive(nth);
    for (const expected of [0, 4, 8, 12].map((last) => last + 1)) {
      expect(handed).toHaveLength(expected);
      soon.shift()?.();
      await nextTurn();
    }
    // Of those that take little, all in one turn, though their promises must rest between.
    const cheap = setUp(0.3, true);
    cheap.arrive(0);
    await nextTurn();
    for (let nth = 1; nth <= 12; nth++) cheap.arrive(nth);
    await nextTurn();
    cheap.soon.shift()?.();
    await nextTurn();
    expect(cheap.handed).toHaveLength(13);
  });

  it('let nobody overtake those that wait while others come to rest', async () => {
    const { handed, soon, arrive } = setUp(3, true);
    arrive(0);
    await nextTurn();
    arrive(1);
    await nextTurn();
    arrive(2);
    await nextTurn();
    for (let nth = 3; nth < 20; nth++) arrive(nth);
    soon.shift()?.();
    arrive(20);
    while (handed.length < 21) {
      soon.shift()?.();
      await nextTurn();
    }
    expect(handed).toEqual(Array.from({ length: 21 }, (_, nth) => nth));
  });

  it('watch what takes a 32nd of that, as 32 of them may come in one', () => {
    const { handed, soon, arrive } = setUp(0.26);
    // Not because nothing came for a while.
    arrive(0);
    soon.shift()!();
    for (let nth = 1; nth <= 32; nth++) arrive(nth);
    expect(handed).toHaveLength(32);
    soon.shift()!();
    expect(handed).toHaveLength(33);
  });

  it('watch nothing that takes less', () => {
    const { handed, soon, arrive } = setUp(0.24);
    arrive(0);
    soon.shift()!();
    for (let nth = 1; nth <= 64; nth++) arrive(nth);
    expect([handed.length, soon.length]).toEqual([65, 0]);
  });

  it('hold 256 datagrams and 1 MiB at the most', () => {
    const { turns, arrive } = setUp(10);
    arrive(0);
    const taken = Array.from({ length: 300 }, (_, nth) => arrive(nth + 1));
    expect(taken.indexOf(false)).toBe(256);
    for (let item = turns.shift(); item !== undefined; item = turns.shift());
    const large = Array.from({ length: 20 }, (_, nth) => arrive(nth, 64_000));
    expect(large.indexOf(false)).toBe(16);
  });

  /** @param workMs what each datagram takes @param isLater behind a promise, as most handlers */
  function setUp(workMs: number, isLater = false) {
    const clock = { nowMs: 1000 };
    const soon: (() => void)[] = [];
    const handed: number[] = [];
    const scheduler = {
      now: () => clock.nowMs,
      timeOrigin: 0,
      after: () => () => undefined,
      soon: (task: () => void) => void soon.push(task),
    };
    const turns = new TurnQueue<{ readonly data: Uint8Array; readonly nth: number }>(scheduler, ({ nth }) => {
      handed.push(nth);
      if (isLater) void Promise.resolve().then(() => (clock.nowMs += workMs));
      else clock.nowMs += workMs;
    });
    const arrive = (nth: number, bytes = 10): boolean =>
      turns.take({ data: new Uint8Array(bytes), nth }, clock.nowMs);
    return { turns, handed, soon, arrive };
  }
});
