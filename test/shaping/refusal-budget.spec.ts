import { describe, expect, it } from '@jest/globals';
import { RefusalBudget } from '../../src/shaping/refusal-budget.js';

describe('RefusalBudget', () => {
  it('grants 5 % of the upload rate, a second of it at once', () => {
    const budget = new RefusalBudget(20_000, 0);
    let granted = 0;
    for (let atMs = 0; atMs < 10_000; atMs++) if (budget.tryTake(100, 20_000, atMs)) granted++;
    // 1000 bytes at once and 1000 a second for ten seconds.
    expect(granted).toBeGreaterThanOrEqual(109);
    expect(granted).toBeLessThanOrEqual(110);
  });

  it('follows the upload rate', () => {
    const budget = new RefusalBudget(20_000, 0);
    while (budget.tryTake(100, 20_000, 0));
    expect([budget.tryTake(100, 200_000, 0), budget.tryTake(100, 200_000, 10)]).toEqual([false, true]);
  });

  it('grants all without a limit', () => {
    const budget = new RefusalBudget(Infinity, 0);
    for (let nth = 0; nth < 1000; nth++) expect(budget.tryTake(65_507, Infinity, 0)).toBe(true);
  });

  it('lets a peer be told once a second', () => {
    const budget = new RefusalBudget(1000, 0);
    expect(budget.isDue('10.0.0.1:4000', 0)).toBe(true);
    budget.told('10.0.0.1:4000', 0);
    expect([999, 1000].map((atMs) => budget.isDue('10.0.0.1:4000', atMs))).toEqual([false, true]);
    expect(budget.isDue('10.0.0.2:4000', 1)).toBe(true);
  });
});
