import { describe, expect, it } from '@jest/globals';
import { CoDel, codelTargetMs } from '../../src/shaping/codel.js';

describe('CoDel', () => {
  it('drops nothing while datagrams stay for less than the target', () => {
    const codel = new CoDel();
    for (let atMs = 0; atMs < 10_000; atMs++) expect(codel.judge(4.9, false, 5, atMs)).toBe(false);
  });

  it('drops after an interval above the target, and then ever more often', () => {
    const codel = new CoDel();
    const droppedAtMs: number[] = [];
    for (let atMs = 0; atMs < 400; atMs++) if (codel.judge(50, false, 5, atMs)) droppedAtMs.push(atMs);
    // An interval of 100 ms, then 100 / sqrt(count) after each drop (RFC 8289 section 3.3).
    expect(droppedAtMs).toEqual([100, 200, 271, 329, 379]);
  });

  it('stops as soon as a datagram has stayed for less', () => {
    const codel = new CoDel();
    for (let atMs = 0; atMs <= 100; atMs++) codel.judge(50, false, 5, atMs);
    expect(codel.judge(4, false, 5, 150)).toBe(false);
    for (let atMs = 200; atMs < 300; atMs++) expect(codel.judge(50, false, 5, atMs)).toBe(false);
    expect(codel.judge(50, false, 5, 300)).toBe(true);
  });

  it('goes on nearly where it left off when the delay comes back soon', () => {
    const codel = new CoDel();
    for (let atMs = 0; atMs < 1000; atMs++) codel.judge(50, false, 5, atMs);
    codel.judge(1, false, 5, 1000);
    const droppedAtMs: number[] = [];
    for (let atMs = 1001; atMs < 1300; atMs++) if (codel.judge(50, false, 5, atMs)) droppedAtMs.push(atMs);
    expect(droppedAtMs[0]).toBe(1101);
    expect(droppedAtMs.length).toBeGreaterThan(5);
  });

  it('never drops the last datagram', () => {
    const codel = new CoDel();
    for (let atMs = 0; atMs < 1000; atMs++) expect(codel.judge(500, true, 5, atMs)).toBe(false);
  });

  it.each([
    [Infinity, 5],
    [1e6, 5],
    [454_200, 5],
    [100_000, 22.71],
    [100, 22_710],
  ])('accepts at %d B/s a delay of %d ms', (rate, targetMs) => {
    expect(codelTargetMs(rate)).toBeCloseTo(targetMs, 9);
  });
});
