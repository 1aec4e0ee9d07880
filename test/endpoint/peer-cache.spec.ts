import { describe, expect, it } from '@jest/globals';
import { PeerCache } from '../../src/endpoint/peer-cache.js';

describe('PeerCache', () => {
  it('knows a peer again', () => {
    const cache = new PeerCache();
    const peer = cache.peerOf('10.0.0.1', 3000);
    expect(cache.peerOf('10.0.0.1', 3000)).toBe(peer);
    expect(peer).toMatchObject({ address: '10.0.0.1', port: 3000, family: 'IPv4', key: '10.0.0.1:3000' });
  });

  it('takes none for another, also where they share a place', () => {
    const cache = new PeerCache();
    for (const port of [1000, 1000 + 4096, 1000 + 8192]) {
      for (let subnet = 0; subnet < 40; subnet++) {
        // The last three characters, by which places are picked, are the same.
        const address = `10.${subnet}.0.1`;
        expect(cache.peerOf(address, port).key).toBe(`${address}:${port}`);
        expect(cache.peerOf('10.0.0.1', port).key).toBe(`10.0.0.1:${port}`);
      }
    }
  });

  it('sees a mapped address as the IPv4 one that it is', () => {
    const cache = new PeerCache();
    for (let round = 0; round < 2; round++) {
      expect(cache.peerOf('::ffff:10.0.0.1', 3000).key).toBe('10.0.0.1:3000');
      expect(cache.peerOf('2001:db8::1', 3000).key).toBe('[2001:db8::1]:3000');
    }
  });
});
