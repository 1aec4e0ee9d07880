import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import { resolvePerPeer } from '../../src/shaping/per-peer.options.js';

const PEER = PeerAddress.of('192.0.2.7', 4000);

describe('resolvePerPeer', () => {
  it('sets no limit unless told to', () => {
    const { upload, download } = resolvePerPeer(undefined, 'perPeer');
    expect([upload, download].map(({ bandwidth }) => bandwidth.rateBytesPerSecond)).toEqual([
      Infinity,
      Infinity,
    ]);
    expect([upload.maxPeers, upload.idleTtlMs, upload.keyOf(PEER), upload.weightOf(PEER)]).toEqual([
      65_536,
      120_000,
      '192.0.2.7',
      1,
    ]);
  });

  it('reads a limit for each direction, and the rest for both', () => {
    const { upload, download } = resolvePerPeer(
      { upload: '10 kB/s', download: { rate: 5, burst: 7 }, key: 'address-port', maxPeers: 3, idleTtl: 9 },
      'perPeer',
    );
    expect(upload.bandwidth.rateBytesPerSecond).toBe(10_000);
    expect(download.bandwidth).toMatchObject({ rateBytesPerSecond: 5, burstBytes: 7 });
    for (const limits of [upload, download]) {
      expect([limits.maxPeers, limits.idleTtlMs, limits.keyOf(PEER)]).toEqual([3, 9, '192.0.2.7:4000']);
    }
  });

  it.each([
    ['a weight in its range', () => 4, 4],
    ['1 for one that is too small', () => 0, 1],
    ['1 for one that is too large', () => 5000, 1],
    ['1 for none', () => undefined, 1],
    [
      '1 where the function throws',
      () => {
        throw new Error('who?');
      },
      1,
    ],
  ])('takes %s', (_what, weight, expected) => {
    expect(resolvePerPeer({ weight }, 'perPeer').upload.weightOf(PEER)).toBe(expected);
  });

  it.each([
    [5, 'perPeer', 'must be an object, got 5'],
    [{ upload: -1 }, 'perPeer.upload', 'must not be negative, got -1'],
    [
      { download: { rate: 1, brust: 1 } },
      'perPeer.download.brust',
      'is not an option; known here: burst, burstTime, peakRate, rate',
    ],
    [{ weight: 2 }, 'perPeer.weight', 'must be a function of a peer, got 2'],
    [{ maxPeers: 0 }, 'perPeer.maxPeers', 'must be a whole number from 1 to 16777216, got 0'],
    [{ idleTtl: -1 }, 'perPeer.idleTtl', 'must be a number of milliseconds that is not negative, got -1'],
    [
      { rate: 1 },
      'perPeer.rate',
      'is not an option; known here: download, idleTtl, key, maxPeers, upload, weight',
    ],
  ])('refuses %j: %s %s', (value, field, problem) => {
    expect(() => resolvePerPeer(value, 'perPeer')).toThrow(new InvalidOptionError(field, problem));
  });
});
