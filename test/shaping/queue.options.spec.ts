import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolveQueue } from '../../src/shaping/queue.options.js';

const DEFAULTS = {
  maxBytes: 16_777_216,
  maxDatagrams: 65_536,
  maxPeerBytes: 1_048_576,
  maxAgeMs: 30_000,
  overflow: 'reject',
  aqm: 'none',
  busyAfterMs: 1000,
};

describe('resolveQueue', () => {
  it.each([
    [undefined, {}],
    [{}, {}],
    [{ maxBytes: '64 KiB' }, { maxBytes: 65_536 }],
    [{ maxDatagrams: 1 }, { maxDatagrams: 1 }],
    [{ maxPeerBytes: '2 KiB' }, { maxPeerBytes: 2048 }],
    [{ maxAge: 0 }, { maxAgeMs: 0 }],
    [{ maxAge: Infinity }, { maxAgeMs: Infinity }],
    [{ overflow: 'drop-oldest' }, { overflow: 'drop-oldest' }],
    [{ aqm: 'codel' }, { aqm: 'codel' }],
    [{ busyAfter: Infinity }, { busyAfterMs: Infinity }],
  ])('reads %j', (value, limits) => {
    expect(resolveQueue(value, 'queue')).toEqual({ ...DEFAULTS, ...limits });
  });

  it.each([
    [5, 'queue', 'must be an object, got 5'],
    [null, 'queue', 'must be an object, got null'],
    [{ maxBytes: 0 }, 'queue.maxBytes', 'must be at least 1 byte, got 0'],
    // A bound has an end.
    [{ maxBytes: Infinity }, 'queue.maxBytes', 'must be finite'],
    [{ maxDatagrams: 0 }, 'queue.maxDatagrams', 'must be a whole number from 1 to 16777216, got 0'],
    [{ maxDatagrams: 1.5 }, 'queue.maxDatagrams', 'must be a whole number from 1 to 16777216, got 1.5'],
    [
      { maxDatagrams: Infinity },
      'queue.maxDatagrams',
      'must be a whole number from 1 to 16777216, got Infinity',
    ],
    [{ maxAge: -1 }, 'queue.maxAge', 'must be a number of milliseconds that is not negative, got -1'],
    [{ maxAge: NaN }, 'queue.maxAge', 'must be a number of milliseconds that is not negative, got NaN'],
    [{ maxPeerBytes: -1 }, 'queue.maxPeerBytes', 'must be at least 1 byte, got -1'],
    [
      { overflow: 'drop' },
      'queue.overflow',
      "must be one of 'reject', 'drop-oldest', 'drop-newest', 'drop-fattest', got 'drop'",
    ],
    [{ aqm: 'red' }, 'queue.aqm', "must be one of 'none', 'codel', got 'red'"],
    [{ busyAfter: -1 }, 'queue.busyAfter', 'must be a number of milliseconds that is not negative, got -1'],
    [
      { maxbytes: 5 },
      'queue.maxbytes',
      'is not an option; known here: aqm, busyAfter, maxAge, maxBytes, maxDatagrams, maxPeerBytes, overflow',
    ],
  ])('refuses %j: %s %s', (value, field, problem) => {
    expect(() => resolveQueue(value, 'queue')).toThrow(new InvalidOptionError(field, problem));
  });
});
