import { describe, expect, it } from '@jest/globals';
import { PlacedSet, type Placed } from '../../src/common/placed-set.js';

class Member implements Placed {
  place = -1;

  constructor(readonly name: string) {}
}

describe('PlacedSet', () => {
  it('holds each member once, and lets go of any of them', () => {
    const set = new PlacedSet<Member>();
    const [a, b, c, d] = [new Member('a'), new Member('b'), new Member('c'), new Member('d')];
    for (const each of [a, b, c, d, a]) set.add(each);
    expect([set.size, set.delete(a), set.delete(a), set.delete(d), set.size]).toEqual([
      4,
      true,
      false,
      true,
      2,
    ]);
    expect(
      set
        .values()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['b', 'c']);
    expect([set.delete(b), set.delete(c), set.size]).toEqual([true, true, 0]);
    set.add(d);
    expect(set.values()).toEqual([d]);
  });

  it('is not fooled by a member of another set', () => {
    const [one, other] = [new PlacedSet<Member>(), new PlacedSet<Member>()];
    const [a, b] = [new Member('a'), new Member('b')];
    one.add(a);
    other.add(b);
    expect([one.delete(b), one.size, other.size]).toEqual([false, 1, 1]);
  });
});
