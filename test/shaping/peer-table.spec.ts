import { describe, expect, it } from '@jest/globals';
import { UNLIMITED } from '../../src/shaping/bandwidth.options.js';
import { PeerTable } from '../../src/shaping/peer-table.js';
import { NO_PEER_LIMITS, type PeerLimits } from '../../src/shaping/per-peer.options.js';
import { peerNo } from '../support/shaped.js';

// At 1000 B/s a byte takes a millisecond.
const LIMITS: PeerLimits = {
  ...NO_PEER_LIMITS,
  bandwidth: { ...UNLIMITED, rateBytesPerSecond: 1000, burstBytes: 100 },
};

describe('PeerTable', () => {
  it('gives each peer a limit of its own, the same one each time', () => {
    const table = new PeerTable(LIMITS, 0);
    const [a, b] = [table.find(peerNo(1), 0)!, table.find(peerNo(2), 0)!];
    expect(a.limit).not.toBe(b.limit);
    expect([table.find(peerNo(1), 5), table.obtain(peerNo(1), 5), table.get('10.0.0.1')]).toEqual([a, a, a]);
    expect(table.size).toBe(2);
  });

  it('remembers nobody where there are no limits and nothing waits', () => {
    const table = new PeerTable(NO_PEER_LIMITS, 0);
    expect([table.find(peerNo(1), 0), table.size]).toEqual([undefined, 0]);
    const peer = table.obtain(peerNo(1), 0);
    expect([table.find(peerNo(1), 0), table.size]).toEqual([peer, 1]);
    table.rest(peer);
    expect(table.size).toBe(0);
  });

  it('forgets peers that have been idle, a few with each one that comes', () => {
    const table = new PeerTable({ ...LIMITS, idleTtlMs: 1000 }, 0);
    for (let no = 0; no < 100; no++) table.find(peerNo(no), 0);
    for (let no = 100; no < 200; no++) table.find(peerNo(no), 2000);
    expect(table.size).toBeLessThanOrEqual(100);
    expect(table.get('10.0.0.150')).toBeDefined();
  });

  it('keeps within its bound, and lets strangers share one limit while nobody can be forgotten', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 10 }, 0);
    for (let no = 0; no < 10; no++) table.find(peerNo(no), 0)!.limit.debit(500);
    const [a, b] = [table.find(peerNo(10), 1)!, table.find(peerNo(11), 1)!];
    expect([table.size, a === b, a.limit.rateBytesPerSecond]).toEqual([10, true, 1000]);
    a.limit.debit(100);
    expect(b.limit.conforms(100, 1)).toBe(false);
  });

  it('makes room for a stranger as soon as somebody owes nothing any more', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 10 }, 0);
    for (let no = 0; no < 10; no++) table.find(peerNo(no), 0)!.limit.debit(no === 4 ? 50 : 50_000);
    expect(table.find(peerNo(10), 49)!.key).toBe('');
    expect(table.find(peerNo(10), 50)!.key).toBe('10.0.0.10');
    expect([table.size, table.get('10.0.0.4')]).toEqual([10, undefined]);
  });

  it('forgets nobody who owes bytes or waits, whoever else comes', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 1000, idleTtlMs: 0 }, 0);
    const known = Array.from({ length: 100 }, (_, no) => {
      const peer = table.find(peerNo(no), 0)!;
      if (no % 2 === 0) peer.limit.debit(1e9);
      else peer.addFlow(1, undefined);
      return peer;
    });
    for (let no = 1000; no < 101_000; no++) table.find(peerNo(no), 10);
    expect(known.filter((peer) => table.get(peer.key) !== peer)).toEqual([]);
    expect(table.size).toBeLessThanOrEqual(1000);
  });

  describe('pin', () => {
    it('gives a peer a limit of its own where there are none, until it is unpinned', () => {
      const table = new PeerTable(NO_PEER_LIMITS, 0);
      const pinned = table.pin('10.0.0.1', 0)!;
      pinned.limit.setBandwidth(LIMITS.bandwidth, 0);
      expect([table.find(peerNo(1), 0), table.isPinned(pinned)]).toEqual([pinned, true]);
      table.rest(pinned);
      expect(table.size).toBe(1);
      table.unpin(pinned, 0);
      expect([table.size, table.isPinned(pinned), pinned.limit.rateBytesPerSecond]).toEqual([
        0,
        false,
        Infinity,
      ]);
    });

    it('keeps a peer however long it is idle', () => {
      const table = new PeerTable({ ...LIMITS, idleTtlMs: 0, maxPeers: 3 }, 0);
      const pinned = table.pin('10.0.0.1', 0);
      for (let no = 10; no < 1000; no++) table.find(peerNo(no), 1e6 + no);
      expect(table.get('10.0.0.1')).toBe(pinned);
    });

    it('finds no room while nobody can be forgotten', () => {
      const table = new PeerTable({ ...LIMITS, maxPeers: 2 }, 0);
      expect([table.pin('a', 0)?.key, table.pin('b', 0)?.key, table.pin('c', 0)]).toEqual([
        'a',
        'b',
        undefined,
      ]);
    });
  });

  describe('of addresses that have not proved themselves', () => {
    const isProven = ({ address }: { address: string }): boolean => address === '10.0.0.1';

    it('remembers none: they share sixteen limits, which weigh as one peer', () => {
      const table = new PeerTable({ ...LIMITS, isProven }, 0);
      const found = Array.from({ length: 1000 }, (_, no) => table.find(peerNo(no + 2), 0)!);
      expect(new Set(found).size).toBe(16);
      expect(new Set(found.map(({ limit }) => limit)).size).toBe(16);
      expect([...new Set(found)].reduce((sum, { weight }) => sum + weight, 0)).toBe(1);
      expect(table.size).toBe(0);
    });

    it('gives one the same limit each time, whatever its port', () => {
      const table = new PeerTable({ ...LIMITS, isProven }, 0);
      const peer = table.find(peerNo(2), 0)!;
      expect([table.obtain(peerNo(2), 5), table.find(peerNo(2), 5)]).toEqual([peer, peer]);
      peer.limit.debit(100);
      expect(table.find(peerNo(2), 5)!.limit.conforms(100, 5)).toBe(false);
    });

    it('has proven ones among the others, with limits of their own', () => {
      const table = new PeerTable({ ...LIMITS, isProven }, 0);
      const peer = table.find(peerNo(1), 0)!;
      expect([peer.key, peer.weight, table.size]).toEqual(['10.0.0.1', 1, 1]);
    });

    it('tells them apart without limits too, once something waits', () => {
      const table = new PeerTable({ ...NO_PEER_LIMITS, isProven }, 0);
      expect(table.find(peerNo(2), 0)).toBeUndefined();
      const peer = table.obtain(peerNo(2), 0);
      expect([table.find(peerNo(2), 0), table.size]).toEqual([peer, 0]);
      table.rest(peer);
      expect(table.obtain(peerNo(2), 0)).toBe(peer);
    });
  });
});
