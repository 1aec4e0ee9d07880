import { describe, expect, it } from '@jest/globals';
import { HandlerRegistry, type RoutedHandler } from '../../src/transport/handler-registry.js';

const HANDLER = { handle: () => Promise.resolve() } as unknown as RoutedHandler;

/** A pattern of so many objects in each other. */
function nested(levels: number): unknown {
  return levels === 0 ? 1 : { a: nested(levels - 1) };
}

function withKeys(count: number, length = 1): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, nth) => [String(nth).padStart(length, 'k'), 1]),
  );
}

describe('HandlerRegistry', () => {
  it.each([
    ['a plain text', true, 'sum'],
    ['a text of 1024 characters', true, 'x'.repeat(1024)],
    ['a text of 1025 characters', false, 'x'.repeat(1025)],
    ['a number', true, 7],
    ['an object of 8 levels', true, nested(8)],
    ['an object of 9 levels', false, nested(9)],
    ['an object of 100000 levels', false, deep(100_000)],
    ['an object of 64 keys', true, withKeys(64)],
    ['an object of 65 keys', false, withKeys(65)],
    ['64 keys in two objects', true, { ...withKeys(31), o: withKeys(32) }],
    ['65 keys in two objects', false, { ...withKeys(32), o: withKeys(32) }],
    ['a list of 64', true, { list: Array.from({ length: 63 }, () => 1) }],
    ['a list of a million', false, { list: Array.from({ length: 1_000_000 }, () => 1) }],
    ['keys of 1024 characters', true, withKeys(32, 32)],
    ['keys of more than 1024 characters', false, withKeys(32, 33)],
    ['a text of 1024 characters in an object', true, { a: 'x'.repeat(1023) }],
    ['a text of more characters in an object', false, { a: 'x'.repeat(1024) }],
  ])('lets Nest look at %s: %p', (_what, isSeen, pattern) => {
    const seen: unknown[] = [];
    const registry = new HandlerRegistry((asked) => {
      seen.push(asked);
      return 'nobody';
    });
    expect(registry.find(pattern)).toEqual([]);
    expect(seen).toHaveLength(isSeen ? 1 : 0);
  });

  it('finds a registered text that is longer than others may be, and looks at others of that length', () => {
    const seen: unknown[] = [];
    const registry = new HandlerRegistry((asked) => {
      seen.push(asked);
      return String(asked);
    });
    const long = 'x'.repeat(2000);
    registry.add(long, HANDLER, false);
    expect(registry.find(long)).toEqual([HANDLER]);
    registry.find('y'.repeat(2000));
    registry.find('y'.repeat(2001));
    expect(seen).toHaveLength(1);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('finds nothing for %s', (pattern) => {
    const registry = new HandlerRegistry(String);
    registry.add('sum', HANDLER, false);
    expect(registry.find(pattern)).toEqual([]);
  });

  it.each([
    ['deep', nested(9)],
    ['large', withKeys(65)],
  ])('refuses to register an object that is too %s to be found', (_what, pattern) => {
    const registry = new HandlerRegistry(String);
    expect(() => registry.add('route', HANDLER, false, pattern)).toThrow(
      'pattern must be nested 8 levels deep at most, and have 64 keys at most',
    );
  });
});

/** As {@link nested}, without calling itself. */
function deep(levels: number): unknown {
  let pattern: unknown = 1;
  for (let level = 0; level < levels; level++) pattern = { a: pattern };
  return pattern;
}
