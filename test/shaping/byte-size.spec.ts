import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { parseByteSize } from '../../src/shaping/byte-size.js';

describe('parseByteSize', () => {
  it.each([
    [1, 1],
    [1500.5, 1500],
    ['1.1 MiB', 1_153_433],
    ['1500 B', 1500],
    ['1500B', 1500],
    [' 1500  B ', 1500],
    ['1.5 kB', 1500],
    ['1 MB', 1_000_000],
    ['1 GB', 1_000_000_000],
    ['64 KiB', 65_536],
    ['16 MiB', 16_777_216],
    ['1 GiB', 1_073_741_824],
  ])('reads %p as %p bytes', (value, bytes) => {
    expect(parseByteSize(value)).toBe(bytes);
  });

  it.each([
    [0, 'must be at least 1 byte, got 0'],
    [0.9, 'must be at least 1 byte, got 0.9'],
    [-1, 'must be at least 1 byte, got -1'],
    ['0 kB', "must be at least 1 byte, got '0 kB'"],
    [-Infinity, 'must be at least 1 byte, got -Infinity'],
    [Infinity, 'must be finite'],
    [`${'9'.repeat(400)} B`, 'must be finite'],
    [NaN, "must be bytes or a text such as '64 KiB', got NaN"],
    [null, "must be bytes or a text such as '64 KiB', got null"],
    [[], "must be bytes or a text such as '64 KiB', got an array"],
    ['64', "is not clear: '64'; write for example '1500 B', '64 KiB' or '1 MB'"],
    ['64 KB', "is not clear: '64 KB'; write for example '1500 B', '64 KiB' or '1 MB'"],
    ['64 kb', "is not clear: '64 kb'; write for example '1500 B', '64 KiB' or '1 MB'"],
    ['64 kbit', "is not clear: '64 kbit'; write for example '1500 B', '64 KiB' or '1 MB'"],
    ['64 kB/s', "is not clear: '64 kB/s'; write for example '1500 B', '64 KiB' or '1 MB'"],
    ['-1 B', "is not clear: '-1 B'; write for example '1500 B', '64 KiB' or '1 MB'"],
    ['', "is not clear: ''; write for example '1500 B', '64 KiB' or '1 MB'"],
  ])('refuses %p: it %s', (value, problem) => {
    expect(() => parseByteSize(value, 'queue.maxBytes')).toThrow(
      new InvalidOptionError('queue.maxBytes', problem),
    );
  });
});
