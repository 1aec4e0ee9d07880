import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { LineLimit } from '../../src/transport/line-limit.js';

describe('LineLimit', () => {
  it('lets ten lines of a minute pass as they are, and sums up the rest when it is over', async () => {
    const { clock, lines, log } = setUp();
    const error = new Error('first');
    lines.error(error);
    for (let nth = 1; nth < 10; nth++) lines.error(nth);
    expect(clock.pendingTimers).toBe(0);
    expect(log).toEqual([error, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (let nth = 0; nth < 1000; nth++) lines.error(nth);
    expect(log).toHaveLength(10);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(59_999);
    expect(log).toHaveLength(10);
    await clock.advance(1);
    expect(log.slice(10)).toEqual(['1000 more lines like these were left out']);
    expect(clock.pendingTimers).toBe(0);
    lines.error('again');
    expect(log.slice(11)).toEqual(['again']);
  });

  it('begins a new minute with the first line after one, and never needs a timer for a few', async () => {
    const { clock, lines, log } = setUp();
    for (let minute = 0; minute < 3; minute++) {
      for (let nth = 0; nth < 10; nth++) lines.error(nth);
      expect(clock.pendingTimers).toBe(0);
      await clock.advance(60_000);
    }
    expect(log).toHaveLength(30);
  });

  it('sums up before the next line when its timer is late', () => {
    const { clock, lines, log } = setUp();
    for (let nth = 0; nth < 11; nth++) lines.error(nth);
    clock.jump(60_000);
    lines.error('next');
    expect(log.slice(10)).toEqual(['1 more lines like these were left out', 'next']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('says what is left when it is closed, and sets no timer after that', () => {
    const { clock, lines, log } = setUp();
    for (let nth = 0; nth < 12; nth++) lines.error(nth);
    lines.close();
    expect(log.slice(10)).toEqual(['2 more lines like these were left out']);
    for (let nth = 0; nth < 12; nth++) lines.error(nth);
    expect([log.length, clock.pendingTimers]).toEqual([11, 0]);
  });

  function setUp() {
    const clock = new ManualClock();
    const log: unknown[] = [];
    const sink = {
      error: (line: unknown) => void log.push(line),
      warn: (line: string) => void log.push(line),
    };
    return { clock, log, lines: new LineLimit(clock, () => sink) };
  }
});
