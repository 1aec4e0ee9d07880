import { describe, expect, it } from '@jest/globals';
import { Turn } from '../../src/endpoint/turn.js';

describe('Turn', () => {
  const setUp = () => {
    const soon: (() => void)[] = [];
    const ends: string[] = [];
    const turn = new Turn({ soon: (task) => void soon.push(task) }, () => {
      ends.push(turn.isWatched ? 'watched' : 'over');
    });
    return { turn, soon, ends };
  };

  it('is never spent while nobody watches it', () => {
    const { turn, soon } = setUp();
    expect(turn.isSpent(1e9)).toBe(false);
    expect([turn.isWatched, soon.length]).toEqual([false, 0]);
  });

  it('is spent 8 ms after somebody began to watch it', () => {
    const { turn, soon } = setUp();
    turn.watch(100);
    turn.watch(105);
    expect([turn.isSpent(108), turn.isSpent(108.001)]).toEqual([false, true]);
    expect(soon).toHaveLength(1);
  });

  it('tells when it is over, and can be watched anew by then', () => {
    const { turn, soon, ends } = setUp();
    turn.watch(100);
    soon.shift()!();
    expect(ends).toEqual(['over']);
    expect(turn.isSpent(1e9)).toBe(false);
    turn.watch(200);
    expect([turn.isSpent(209), soon.length]).toEqual([true, 1]);
  });
});
