import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { OptionReader, show } from '../../src/common/option-reader.js';
import { ThrottledUdpError } from '../../src/common/throttled-udp.error.js';

describe('OptionReader', () => {
  it.each([
    [null, 'null'],
    [5, '5'],
    ['text', "'text'"],
    [[], 'an array'],
    [() => {}, 'a function'],
  ])('refuses %p where an object belongs', (source, shown) => {
    expect(() => new OptionReader(source, 'queue')).toThrow(
      new InvalidOptionError('queue', `must be an object, got ${shown}`),
    );
    expect(() => new OptionReader(source, '')).toThrow(`options must be an object, got ${shown}`);
  });

  it('reads undefined as an empty object', () => {
    const reader = new OptionReader(undefined, 'queue');
    expect(reader.boolean('x', true)).toBe(true);
    reader.refuseUnknown();
  });

  it('names fields by their path, and by their own name at the top', () => {
    expect(new OptionReader({}, 'upload').field('rate')).toBe('upload.rate');
    expect(new OptionReader({}, '').field('port')).toBe('port');
  });

  it.each<[string, (reader: OptionReader) => unknown]>([
    ['boolean', (reader) => reader.boolean('key', true)],
    ['string', (reader) => reader.string('key', 'fallback')],
    ['port', (reader) => reader.port('key', 3000)],
    ['integer', (reader) => reader.integer('key', 1, 9, undefined)],
    ['duration', (reader) => reader.duration('key', 20)],
    ['oneOf', (reader) => reader.oneOf('key', ['a', 'b'], 'b')],
    ['implementing', (reader) => reader.implementing('key', [])],
  ])('%s: takes a missing field and one that is undefined for the default', (_, read) => {
    expect(read(new OptionReader({ key: undefined }, ''))).toBe(read(new OptionReader({}, '')));
  });

  it.each<[string, unknown, (reader: OptionReader) => unknown]>([
    ['boolean', false, (reader) => reader.boolean('key', true)],
    ['string', 'text', (reader) => reader.string('key', 'fallback')],
    ['port', 0, (reader) => reader.port('key', 3000)],
    ['port', 65_535, (reader) => reader.port('key', 3000)],
    ['integer', 1, (reader) => reader.integer('key', 1, 9, 5)],
    ['integer', 9, (reader) => reader.integer('key', 1, 9, 5)],
    ['duration', 0, (reader) => reader.duration('key', 20)],
    ['duration', 0.5, (reader) => reader.duration('key', 20)],
    ['duration', Infinity, (reader) => reader.duration('key', 20)],
    ['oneOf', 'a', (reader) => reader.oneOf('key', ['a', 'b'], 'b')],
    ['implementing', console, (reader) => reader.implementing<Console>('key', ['log', 'error'])],
    ['any', null, (reader) => reader.any('key')],
  ])('%s: takes %p', (_, value, read) => {
    expect(read(new OptionReader({ key: value }, ''))).toBe(value);
  });

  it.each<[string, unknown, (reader: OptionReader) => unknown, string]>([
    ['boolean', 1, (reader) => reader.boolean('key', true), 'must be true or false, got 1'],
    ['boolean', null, (reader) => reader.boolean('key', true), 'must be true or false, got null'],
    ['string', '', (reader) => reader.string('key', 'x'), "must be a text that is not empty, got ''"],
    ['string', 5, (reader) => reader.string('key', 'x'), 'must be a text that is not empty, got 5'],
    ['port', -1, (reader) => reader.port('key', 1), 'must be a whole number from 0 to 65535, got -1'],
    ['port', 65_536, (reader) => reader.port('key', 1), 'must be a whole number from 0 to 65535, got 65536'],
    ['port', 80.5, (reader) => reader.port('key', 1), 'must be a whole number from 0 to 65535, got 80.5'],
    ['port', '80', (reader) => reader.port('key', 1), "must be a whole number from 0 to 65535, got '80'"],
    ['port', NaN, (reader) => reader.port('key', 1), 'must be a whole number from 0 to 65535, got NaN'],
    ['integer', 0, (reader) => reader.integer('key', 1, 9, 5), 'must be a whole number from 1 to 9, got 0'],
    ['integer', 10, (reader) => reader.integer('key', 1, 9, 5), 'must be a whole number from 1 to 9, got 10'],
    [
      'duration',
      -1,
      (reader) => reader.duration('key', 20),
      'must be a number of milliseconds that is not negative, got -1',
    ],
    [
      'duration',
      NaN,
      (reader) => reader.duration('key', 20),
      'must be a number of milliseconds that is not negative, got NaN',
    ],
    [
      'duration',
      '20 ms',
      (reader) => reader.duration('key', 20),
      "must be a number of milliseconds that is not negative, got '20 ms'",
    ],
    ['oneOf', 'c', (reader) => reader.oneOf('key', ['a', 'b'], 'b'), "must be one of 'a', 'b', got 'c'"],
    [
      'oneOf',
      ['a'],
      (reader) => reader.oneOf('key', ['a', 'b'], 'b'),
      "must be one of 'a', 'b', got an array",
    ],
    [
      'implementing',
      {},
      (reader) => reader.implementing<Console>('key', ['log', 'error']),
      'must have the method log() and error()',
    ],
    [
      'implementing',
      { log() {} },
      (reader) => reader.implementing<Console>('key', ['log', 'error']),
      'must have the method error()',
    ],
    [
      'implementing',
      null,
      (reader) => reader.implementing<Console>('key', ['log']),
      'must have the method log()',
    ],
    [
      'implementing',
      'text',
      (reader) => reader.implementing<Console>('key', ['log']),
      'must have the method log()',
    ],
  ])('%s: refuses %p by name', (_, value, read, problem) => {
    expect(() => read(new OptionReader({ key: value }, 'at'))).toThrow(
      new InvalidOptionError('at.key', problem),
    );
  });

  it('hands the value and its full name to another reader, and leaves a missing one to the default', () => {
    const reader = new OptionReader({ size: 7 }, 'queue');
    const parse = (value: unknown, field: string) => `${field}=${String(value)}`;
    expect(reader.read('size', parse, 'none')).toBe('queue.size=7');
    expect(reader.read('other', parse, 'none')).toBe('none');
  });

  describe('refuseUnknown', () => {
    it('refuses what nobody asked for, and says what is known', () => {
      const reader = new OptionReader({ rate: 1, rtae: 2 }, 'upload');
      reader.any('rate');
      reader.any('burst');
      expect(() => reader.refuseUnknown()).toThrow(
        new InvalidOptionError('upload.rtae', 'is not an option; known here: burst, rate'),
      );
    });

    it('lets an unknown field pass that is undefined', () => {
      new OptionReader({ rtae: undefined }, 'upload').refuseUnknown();
    });

    it('refuses names that every object inherits', () => {
      const reader = new OptionReader({ toString: 1 }, '');
      expect(() => reader.refuseUnknown()).toThrow('toString is not an option');
    });
  });
});

describe('InvalidOptionError', () => {
  it('carries the field, a stable code and its cause', () => {
    const cause = new Error('origin');
    const error = new InvalidOptionError('upload.rate', 'must not be negative, got -1', { cause });
    expect(error).toBeInstanceOf(ThrottledUdpError);
    expect(error.message).toBe('upload.rate must not be negative, got -1');
    expect([error.name, error.code, error.field, error.cause]).toEqual([
      'InvalidOptionError',
      'UDP_INVALID_OPTION',
      'upload.rate',
      cause,
    ]);
  });
});

describe('show', () => {
  it.each([
    ['text', "'text'"],
    ['x'.repeat(40), `'${'x'.repeat(40)}'`],
    ['x'.repeat(41), `'${'x'.repeat(40)}...'`],
    [5, '5'],
    [5n, '5'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
    [[1, 2], 'an array'],
    [{ a: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [class {}, 'a function'],
  ])('writes %p', (value: unknown, text) => {
    expect(show(value)).toBe(text);
  });
});
