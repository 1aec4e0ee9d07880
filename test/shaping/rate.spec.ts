import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { formatRate, parseRate } from '../../src/shaping/rate.js';
import { seed } from '../property/seed.js';

describe('parseRate', () => {
  it.each([
    [100, 100],
    [0.5, 0.5],
    ['100 B/s', 100],
    ['100B/s', 100],
    ['  100   B/s ', 100],
    ['1.5 B/s', 1.5],
    ['1e3 B/s', 1000],
    ['2.5e-1 B/s', 0.25],
    ['100 kB/s', 100_000],
    ['1 MB/s', 1_000_000],
    ['2.5 GB/s', 2_500_000_000],
    ['64 KiB/s', 65_536],
    ['1 MiB/s', 1_048_576],
    ['1 GiB/s', 1_073_741_824],
    ['8 bit/s', 1],
    ['1 bit/s', 0.125],
    ['56 kbit/s', 7000],
    ['10 Mbit/s', 1_250_000],
    ['1 Gbit/s', 125_000_000],
    ['8 Kibit/s', 1024],
  ])('reads %p as %p bytes per second', (value, bytesPerSecond) => {
    expect(parseRate(value)).toBe(bytesPerSecond);
  });

  it.each([0, -0, Infinity, '0 B/s', '0 Mbit/s', 'unlimited', ' unlimited '])(
    'reads %p as unlimited',
    (value) => {
      expect(parseRate(value)).toBe(Infinity);
    },
  );

  it.each([
    ['10 Mbps', "write 'Mbit/s' or 'MB/s'"],
    ['10 mbps', "write 'Mbit/s' or 'MB/s'"],
    ['1 kBps', "write 'Mbit/s' or 'MB/s'"],
    ['10 Mb/s', "or 'Mbit/s'"],
    ['1 KB/s', "write 'kB/s'"],
    ['1 mB/s', "'MB/s'"],
    ['1 kib/s', "'KiB/s' (1024)"],
    ['1 TB/s', "'GB/s' (powers of 1000)"],
    ['100', "a text needs its unit: write '100 B/s', or a number"],
    ['1e6', "a text needs its unit: write '1e6 B/s', or a number"],
    ['-1 MB/s', 'a rate must not be negative'],
    ['- 1 MB/s', 'a rate must not be negative'],
    ['1 MB', "a rate needs its time: write '/s' at the end"],
    ['64 KiB', "a rate needs its time: write '/s' at the end"],
    ['10 Mbit', "a rate needs its time: write '/s' at the end"],
    ['10 mbit/s', "write for example '100 B/s'"],
    ['1 MB/sec', "write for example '100 B/s'"],
    ['1 MB per second', "write for example '100 B/s'"],
    ['1 MB/s or so', "write for example '100 B/s'"],
    ['1,5 MB/s', "write 'kB/s'"],
    ['Unlimited', "write for example '100 B/s'"],
    ['NaN', "write for example '100 B/s'"],
    ['', "write for example '100 B/s'"],
  ])('refuses %p with a hint: %s', (text, hint) => {
    expect(() => parseRate(text, 'upload')).toThrow(InvalidOptionError);
    expect(() => parseRate(text, 'upload')).toThrow(`upload is not clear: '${text}'; `);
    expect(() => parseRate(text, 'upload')).toThrow(hint);
  });

  it.each([
    [-1, 'upload.rate must not be negative, got -1'],
    [-Infinity, 'upload.rate must not be negative, got -Infinity'],
    [NaN, "upload.rate must be bytes per second or a text such as '100 kB/s', got NaN"],
    [null, "upload.rate must be bytes per second or a text such as '100 kB/s', got null"],
    [undefined, "upload.rate must be bytes per second or a text such as '100 kB/s', got undefined"],
    [true, "upload.rate must be bytes per second or a text such as '100 kB/s', got true"],
    [5n, "upload.rate must be bytes per second or a text such as '100 kB/s', got 5"],
    [{}, "upload.rate must be bytes per second or a text such as '100 kB/s', got an object"],
  ])('refuses %p: %s', (value, message) => {
    expect(() => parseRate(value, 'upload.rate')).toThrow(
      new InvalidOptionError('upload.rate', message.slice(12)),
    );
  });

  it('keeps only the beginning of a long text in its message', () => {
    const text = 'x'.repeat(10_000);
    expect(() => parseRate(text)).toThrow(`'${'x'.repeat(40)}...'`);
  });
});

describe('formatRate', () => {
  it.each([
    [100, '100 B/s'],
    [999, '999 B/s'],
    [1000, '1 kB/s'],
    [1500, '1.5 kB/s'],
    [1_250_000, '1.25 MB/s'],
    [1e9, '1 GB/s'],
    [0.1, '0.1 B/s'],
    [Infinity, 'unlimited'],
    [0, 'unlimited'],
  ])('writes %p as %p', (bytesPerSecond, text) => {
    expect(formatRate(bytesPerSecond)).toBe(text);
  });

  it(`is read back as the very same number (seed ${seed})`, () => {
    const positive = fc.oneof(
      fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true }),
      fc.double({ min: 1e-3, max: 1e12, noNaN: true }),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.maxSafeInteger().map((value) => Math.abs(value) || 1),
    );
    fc.assert(
      fc.property(positive, (rate) => {
        expect(parseRate(formatRate(rate))).toBe(rate);
      }),
      { seed, numRuns: 2000 },
    );
  });
});
