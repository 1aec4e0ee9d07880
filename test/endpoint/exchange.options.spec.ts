import { describe, expect, it } from '@jest/globals';
import { OptionReader } from '../../src/common/option-reader.js';
import { defaultExchangeLimits, readExchangeOptions } from '../../src/endpoint/exchange.options.js';

describe('readExchangeOptions', () => {
  const read = (options: object, isServing = true): unknown => {
    const reader = new OptionReader(options, '');
    const limits = readExchangeOptions(reader, isServing);
    reader.refuseUnknown();
    return limits;
  };

  it('has a default for everything', () => {
    expect(defaultExchangeLimits()).toEqual({
      maxInFlight: 256,
      maxWaiting: 16_384,
      maxMessageBytes: 1_048_576,
      reassembly: {
        maxBytes: 16_777_216,
        maxPeerBytes: 4_194_304,
        maxAgeMs: 30_000,
        maxMessageBytes: 1_048_576,
      },
      duplicates: { maxBytes: 16_777_216, maxEntries: 262_144, maxAgeMs: 60_000 },
      leaseMs: 30_000,
      streamBufferBytes: 1_048_576,
      undelivered: { maxBytes: 67_108_864, maxPeerBytes: 16_777_216 },
    });
  });

  it('has room for two of the largest messages to a peer, whatever their size', () => {
    expect(read({ maxMessageSize: '64 MiB' })).toHaveProperty('undelivered', {
      maxBytes: 134_217_728,
      maxPeerBytes: 134_217_728,
    });
  });

  it('reads numbers and texts, once, into a frozen object', () => {
    const limits = read({
      maxMessageSize: '2 MiB',
      lease: Infinity,
      duplicates: { maxEntries: 5, maxBytes: '1.1 KiB' },
    });
    expect(limits).toMatchObject({
      maxMessageBytes: 2_097_152,
      leaseMs: Infinity,
      duplicates: { maxEntries: 5, maxBytes: 1126 },
    });
    expect(Object.isFrozen(limits)).toBe(true);
  });

  it.each([
    [{ maxInFlight: 0 }, /^maxInFlight must be a whole number from 1 to 65536, got 0/],
    [{ maxWaiting: -1 }, /^maxWaiting/],
    [{ maxMessageSize: 0 }, /^maxMessageSize must be at least 1 byte/],
    [{ maxMessageSize: '65 MiB' }, /^maxMessageSize/],
    [{ lease: 9999 }, /^lease must be 10000 ms or more, got 9999/],
    [{ duplicates: { maxAge: -1 } }, /^duplicates\.maxAge/],
    [
      { duplicates: { maxBytes: '3 GiB' } },
      /^duplicates\.maxBytes must be at most 2147483648 bytes, got '3 GiB'/,
    ],
    [{ duplicates: { maxSize: 1 } }, /^duplicates\.maxSize is not an option/],
    [{ reassembly: { maxPeerBytes: 'much' } }, /^reassembly\.maxPeerBytes/],
  ])('refuses %p by name', (options, message) => {
    expect(() => read(options)).toThrow(message);
  });

  it('knows nothing of serving where nobody serves', () => {
    expect(() => read({ lease: 20_000 }, false)).toThrow(/^lease is not an option/);
    expect(read({ maxInFlight: 4 }, false)).toMatchObject({ maxInFlight: 4, leaseMs: 30_000 });
  });
});
