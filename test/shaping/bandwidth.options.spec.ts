import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolveBandwidth } from '../../src/shaping/bandwidth.options.js';

describe('resolveBandwidth', () => {
  it.each([
    [undefined, { rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }],
    [0, { rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }],
    [100, { rateBytesPerSecond: 100, burstBytes: undefined, burstTimeMs: 20 }],
    ['1 Mbit/s', { rateBytesPerSecond: 125_000, burstBytes: undefined, burstTimeMs: 20 }],
    [{}, { rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }],
    [{ rate: undefined }, { rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }],
    [
      { rate: '1 kB/s', burst: '2 KiB' },
      { rateBytesPerSecond: 1000, burstBytes: 2048, burstTimeMs: 20 },
    ],
    [
      { rate: 1000, burstTime: 5 },
      { rateBytesPerSecond: 1000, burstBytes: undefined, burstTimeMs: 5 },
    ],
    // A burst of nothing could never be ready.
    [
      { rate: 1000, burstTime: 0 },
      { rateBytesPerSecond: 1000, burstBytes: undefined, burstTimeMs: 0.001 },
    ],
    // 4 ms of the peak are 400 bytes: a whole datagram is more.
    [
      { rate: 1000, peakRate: '100 kB/s' },
      {
        rateBytesPerSecond: 1000,
        burstBytes: undefined,
        burstTimeMs: 20,
        peak: { rateBytesPerSecond: 100_000, burstBytes: 1514, burstTimeMs: 4 },
      },
    ],
    [
      { peakRate: '1 MB/s' },
      {
        rateBytesPerSecond: Infinity,
        burstBytes: undefined,
        burstTimeMs: 20,
        peak: { rateBytesPerSecond: 1_000_000, burstBytes: 4000, burstTimeMs: 4 },
      },
    ],
    [{ peakRate: 0 }, { rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }],
  ])('reads %j', (value, bandwidth) => {
    expect(resolveBandwidth(value, 'upload')).toEqual(bandwidth);
  });

  it.each([
    [-1, 'upload', 'must not be negative, got -1'],
    [null, 'upload', "must be bytes per second or a text such as '100 kB/s', got null"],
    [[], 'upload', 'must be an object, got an array'],
    [{ rate: -1 }, 'upload.rate', 'must not be negative, got -1'],
    [{ rate: null }, 'upload.rate', "must be bytes per second or a text such as '100 kB/s', got null"],
    [{ rate: 1, burst: 0 }, 'upload.burst', 'must be at least 1 byte, got 0'],
    [{ rate: 1, burst: Infinity }, 'upload.burst', 'must be finite'],
    [
      { rate: 1, burstTime: -1 },
      'upload.burstTime',
      'must be a number of milliseconds that is not negative, got -1',
    ],
    [
      { rate: 1, burstTime: '20 ms' },
      'upload.burstTime',
      "must be a number of milliseconds that is not negative, got '20 ms'",
    ],
    [{ rate: 1, burstTime: Infinity }, 'upload.burstTime', 'must be finite'],
    [{ rate: 1000, peakRate: 1000 }, 'upload.peakRate', 'must be more than the rate, got 1000'],
    [{ rate: 1, brust: 5 }, 'upload.brust', 'is not an option; known here: burst, burstTime, peakRate, rate'],
    [
      { rate: 1, maxAge: 5 },
      'upload.maxAge',
      'is not an option; known here: burst, burstTime, peakRate, rate',
    ],
  ])('refuses %j: %s %s', (value, field, problem) => {
    expect(() => resolveBandwidth(value, 'upload')).toThrow(new InvalidOptionError(field, problem));
  });
});
