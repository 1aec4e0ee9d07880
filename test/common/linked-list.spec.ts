import { describe, expect, it } from '@jest/globals';
import { Link, LinkedList } from '../../src/common/linked-list.js';

describe('LinkedList', () => {
  it('gives its entries in the order they were added', () => {
    const { list, add } = create();
    expect([list.isEmpty, list.first]).toEqual([true, undefined]);
    for (const text of ['a', 'b', 'c']) add(text);
    expect([drain(list), list.isEmpty]).toEqual([['a', 'b', 'c'], true]);
  });

  it.each([
    ['the first', 0, ['b', 'c']],
    ['one in the middle', 1, ['a', 'c']],
    ['the last', 2, ['a', 'b']],
  ])('gives up %s', (_what, index, rest) => {
    const { list, add } = create();
    const links = ['a', 'b', 'c'].map(add);
    list.remove(links[index]!);
    expect([links[index]!.list, drain(list)]).toEqual([undefined, rest]);
  });

  it('takes an entry again that has left, also into another list', () => {
    const { list, add } = create();
    const other = new LinkedList<string>();
    const [a] = ['a', 'b'].map(add);
    list.remove(a!);
    list.pushBack(a!);
    expect(a!.list).toBe(list);
    list.remove(a!);
    other.pushBack(a!);
    expect([drain(list), drain(other)]).toEqual([['b'], ['a']]);
  });
});

const everyLink: Link<string>[] = [];

function create() {
  const list = new LinkedList<string>();
  const add = (text: string): Link<string> => {
    const link = new Link(text);
    everyLink.push(link);
    list.pushBack(link);
    return link;
  };
  return { list, add };
}

function drain(list: LinkedList<string>): string[] {
  const all: string[] = [];
  while (!list.isEmpty) {
    const link = everyLink.find((each) => each.list === list && each.owner === list.first)!;
    all.push(link.owner);
    list.remove(link);
  }
  return all;
}
