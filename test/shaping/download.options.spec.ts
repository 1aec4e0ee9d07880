import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolveDownload } from '../../src/shaping/download.options.js';

const UNLIMITED = { rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 };
const QUEUE = {
  maxBytes: 262_144,
  maxDatagrams: 4096,
  maxPeerBytes: Infinity,
  maxAgeMs: 30_000,
  overflow: 'drop-fattest',
  aqm: 'none',
};

describe('resolveDownload', () => {
  it.each([
    [undefined, { bandwidth: UNLIMITED, queue: QUEUE, onLimit: 'delay' }],
    [{}, { bandwidth: UNLIMITED, queue: QUEUE, onLimit: 'delay' }],
    ['1 MB/s', { bandwidth: { ...UNLIMITED, rateBytesPerSecond: 1e6 }, queue: QUEUE, onLimit: 'delay' }],
    [
      {
        rate: '1 MB/s',
        burst: 9000,
        burstTime: 5,
        maxBytes: '1 MiB',
        maxDatagrams: 10,
        maxAge: 100,
        maxPeerBytes: 9000,
        overflow: 'reject',
        onLimit: 'drop',
      },
      {
        bandwidth: { rateBytesPerSecond: 1e6, burstBytes: 9000, burstTimeMs: 5 },
        queue: {
          ...QUEUE,
          maxBytes: 1_048_576,
          maxDatagrams: 10,
          maxPeerBytes: 9000,
          maxAgeMs: 100,
          overflow: 'reject',
        },
        onLimit: 'drop',
      },
    ],
  ])('reads %j', (value, limits) => {
    expect(resolveDownload(value, 'download')).toEqual(limits);
  });

  it.each([
    [-1, 'download', 'must not be negative, got -1'],
    [null, 'download', "must be bytes per second or a text such as '100 kB/s', got null"],
    [[], 'download', 'must be an object, got an array'],
    [{ rate: '1 MB' }, 'download.rate', "is not clear: '1 MB'; a rate needs its time: write '/s' at the end"],
    [{ maxBytes: -1 }, 'download.maxBytes', 'must be at least 1 byte, got -1'],
    [{ maxDatagrams: 0 }, 'download.maxDatagrams', 'must be a whole number from 1 to 16777216, got 0'],
    [
      { maxAge: '1 s' },
      'download.maxAge',
      "must be a number of milliseconds that is not negative, got '1 s'",
    ],
    [{ onLimit: 'police' }, 'download.onLimit', "must be one of 'delay', 'drop', 'refuse', got 'police'"],
    [
      { onlimit: 'drop' },
      'download.onlimit',
      'is not an option; known here: aqm, burst, burstTime, maxAge, maxBytes, maxDatagrams, maxPeerBytes, onLimit, overflow, peakRate, rate',
    ],
  ])('refuses %j: %s %s', (value, field, problem) => {
    expect(() => resolveDownload(value, 'download')).toThrow(new InvalidOptionError(field, problem));
  });
});
