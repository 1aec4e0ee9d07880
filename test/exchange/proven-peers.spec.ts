import { describe, expect, it } from '@jest/globals';
import { ProvenPeers } from '../../src/exchange/proven-peers.js';

describe('ProvenPeers', () => {
  it('knows a peer until it is silent for too long', () => {
    const peers = new ProvenPeers(10, 1000);
    peers.add('a', 0);
    expect([peers.has('a', 1000), peers.has('a', 1001), peers.has('b', 0)]).toEqual([true, false, false]);
    expect(peers.hear('a', 1001)).toBe(false);
    expect(peers.size).toBe(0);
  });

  it('keeps one that speaks, to an eighth of that time', () => {
    const peers = new ProvenPeers(10, 1000);
    peers.add('a', 0);
    expect([peers.hear('a', 125), peers.has('a', 1001)]).toEqual([true, false]);
    expect([peers.hear('a', 126), peers.has('a', 1126), peers.has('a', 1127)]).toEqual([true, true, false]);
  });

  it('forgets the one that is silent for longest when there are too many', () => {
    const peers = new ProvenPeers(2, 1000);
    peers.add('a', 0);
    peers.add('b', 1);
    peers.hear('a', 500);
    peers.add('c', 501);
    expect([peers.has('a', 501), peers.has('b', 501), peers.has('c', 501), peers.size]).toEqual([
      true,
      false,
      true,
      2,
    ]);
  });

  it('lets go of those that are silent as others come', () => {
    const peers = new ProvenPeers(10, 1000);
    for (const key of ['a', 'b', 'c']) peers.add(key, 0);
    peers.add('d', 1001);
    expect(peers.size).toBe(1);
  });
});
