import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolveQueue } from '../../src/shaping/queue.options.js';

describe('resolveQueue', () => {
  it.each([
    [undefined, { maxBytes: 16_777_216, maxDatagrams: 65_536, maxAgeMs: 30_000 }],
    [{}, { maxBytes: 16_777_216, maxDatagrams: 65_536, maxAgeMs: 30_000 }],
    [{ maxBytes: '64 KiB' }, { maxBytes: 65_536, maxDatagrams: 65_536, maxAgeMs: 30_000 }],
    [{ maxDatagrams: 1 }, { maxBytes: 16_777_216, maxDatagrams: 1, maxAgeMs: 30_000 }],
    [{ maxAge: 0 }, { maxBytes: 16_777_216, maxDatagrams: 65_536, maxAgeMs: 0 }],
    [{ maxAge: Infinity }, { maxBytes: 16_777_216, maxDatagrams: 65_536, maxAgeMs: Infinity }],
  ])('reads %j', (value, limits) => {
    expect(resolveQueue(value, 'queue')).toEqual(limits);
  });

  it.each([
    [5, 'queue', 'must be an object, got 5'],
    [null, 'queue', 'must be an object, got null'],
    [{ maxBytes: 0 }, 'queue.maxBytes', 'must be more than 0 bytes, got 0'],
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
    [{ maxbytes: 5 }, 'queue.maxbytes', 'is not an option; known here: maxAge, maxBytes, maxDatagrams'],
  ])('refuses %j: %s %s', (value, field, problem) => {
    expect(() => resolveQueue(value, 'queue')).toThrow(new InvalidOptionError(field, problem));
  });
});
