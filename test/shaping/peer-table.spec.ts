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

/** Lets a peer owe so many bytes at a time; its burst of 100 is gone. */
function indebt(table: PeerTable, no: number, debtBytes: number, nowMs = 0): void {
  expect(table.tryTake(peerNo(no), 100 + debtBytes, nowMs)).toBe(true);
}

describe('PeerTable', () => {
  it('gives each peer a limit of its own', () => {
    const table = new PeerTable(LIMITS, 0, 1);
    expect([table.tryTake(peerNo(1), 100, 0), table.tryTake(peerNo(1), 1, 0)]).toEqual([true, false]);
    expect([table.tryTake(peerNo(2), 100, 0), table.tryTake(peerNo(1), 50, 50)]).toEqual([true, true]);
    expect([table.tryTake(peerNo(1), 1, 50), table.size]).toEqual([false, 2]);
  });

  it('keeps the limit of a peer through waking and resting, with its peak rate', () => {
    const peak = { ...UNLIMITED, rateBytesPerSecond: 10_000, burstBytes: 10 };
    const table = new PeerTable({ ...LIMITS, bandwidth: { ...LIMITS.bandwidth, peak } }, 0, 1);
    expect([table.tryTake(peerNo(1), 10, 0), table.tryTake(peerNo(1), 10, 0)]).toEqual([true, false]);
    const peer = table.obtain(peerNo(1), 0);
    expect([peer.limit.tokens(0), peer.limit.delayFor(10, 0)]).toEqual([90, 1]);
    peer.limit.debit(20);
    table.rest(peer);
    // The peak rate brings 10 bytes in a millisecond: 20 of debt and 10 to go.
    expect([table.tryTake(peerNo(1), 10, 2.9), table.tryTake(peerNo(1), 10, 3)]).toEqual([false, true]);
    const again = table.obtain(peerNo(1), 3);
    expect([again === peer, again.limit.tokens(3)]).toEqual([false, 63]);
    // Whoever looks at the tokens tells the time to one of the two buckets only.
    expect(again.limit.tokens(4)).toBe(64);
    table.rest(again);
    expect(table.tryTake(peerNo(1), 10, 4)).toBe(true);
  });

  it('has one object of a peer for as long as something of it waits', () => {
    const table = new PeerTable(LIMITS, 0, 1);
    expect(table.awake(peerNo(1), 0)).toBeUndefined();
    const peer = table.obtain(peerNo(1), 0);
    expect([table.obtain(peerNo(1), 5), table.awake(peerNo(1), 5), table.get('10.0.0.1', 5)]).toEqual([
      peer,
      peer,
      peer,
    ]);
    table.tryTake(peerNo(1), 30, 5);
    expect(peer.limit.tokens(5)).toBe(70);
    table.rest(peer);
    expect([table.awake(peerNo(1), 5), table.size]).toEqual([undefined, 1]);
    expect(table.get('10.0.0.1', 15)?.limit.tokens(15)).toBe(80);
  });

  it('asks for the weight of a peer once', () => {
    let asked = 0;
    const table = new PeerTable({ ...LIMITS, weightOf: () => ++asked + 1 }, 0, 1);
    table.tryTake(peerNo(1), 10, 0);
    table.rest(table.obtain(peerNo(1), 0));
    expect([table.obtain(peerNo(1), 0).weight, asked]).toEqual([2, 1]);
  });

  it('remembers nobody where there are no limits and nothing waits', () => {
    const table = new PeerTable(NO_PEER_LIMITS, 0, 1);
    expect([table.tryTake(peerNo(1), 1e9, 0), table.size]).toEqual([true, 0]);
    const peer = table.obtain(peerNo(1), 0);
    expect([table.awake(peerNo(1), 0), table.size]).toEqual([peer, 1]);
    table.rest(peer);
    expect(table.size).toBe(0);
  });

  it('forgets peers that have been idle, a few with each one that comes', () => {
    const table = new PeerTable({ ...LIMITS, idleTtlMs: 1000 }, 0, 1);
    for (let no = 0; no < 100; no++) table.tryTake(peerNo(no), 1, 0);
    for (let no = 100; no < 200; no++) table.tryTake(peerNo(no), 1, 2000);
    expect(table.size).toBeLessThanOrEqual(100);
    expect(table.get('10.0.0.150', 2000)).toBeDefined();
  });

  it('keeps within its bound, and lets strangers share one limit while nobody can be forgotten', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 10 }, 0, 1);
    for (let no = 0; no < 10; no++) indebt(table, no, 400);
    const [a, b] = [table.obtain(peerNo(10), 1), table.obtain(peerNo(11), 1)];
    expect([table.size, a === b, a.limit.rateBytesPerSecond]).toEqual([10, true, 1000]);
    expect(table.awake(peerNo(12), 1)).toBe(a);
    expect([table.tryTake(peerNo(13), 100, 1), table.tryTake(peerNo(14), 100, 1)]).toEqual([true, false]);
  });

  it('makes room for a stranger as soon as somebody owes nothing any more', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 10 }, 0, 1);
    for (let no = 0; no < 10; no++) {
      if (no === 4) table.tryTake(peerNo(no), 50, 0);
      else indebt(table, no, 50_000);
    }
    const strangers = table.awake(peerNo(10), 49);
    expect([table.obtain(peerNo(10), 49), table.get('10.0.0.10', 49)]).toEqual([strangers, undefined]);
    expect(table.obtain(peerNo(10), 50)).toBe(table.get('10.0.0.10', 50));
    expect([table.size, table.get('10.0.0.4', 50)]).toEqual([10, undefined]);
  });

  it('takes nobody for a stranger for whom there is room', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 1 }, 0, 1);
    expect(table.tryTake(peerNo(1), 100, 0)).toBe(true);
    const strangers = table.obtain(peerNo(2), 50);
    expect(table.awake(peerNo(2), 50)).toBe(strangers);
    // The first one owes nothing any more.
    expect([table.awake(peerNo(2), 100), table.get('10.0.0.1', 100)]).toEqual([undefined, undefined]);
    expect(table.tryTake(peerNo(2), 100, 100)).toBe(true);
  });

  it('has no peer rest while it is offered something, or something of it waits', () => {
    const table = new PeerTable(LIMITS, 0, 1);
    const peer = table.obtain(peerNo(1), 0);
    peer.offers++;
    table.rest(peer);
    expect(table.awake(peerNo(1), 0)).toBe(peer);
    peer.offers--;
    const flow = peer.addFlow(1, undefined);
    table.rest(peer);
    expect(table.awake(peerNo(1), 0)).toBe(peer);
    peer.removeFlow(flow);
    table.rest(peer);
    expect(table.awake(peerNo(1), 0)).toBeUndefined();
  });

  it('forgets nobody who owes bytes or waits, whoever else comes', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 1000, idleTtlMs: 0 }, 0, 1);
    const waiting = Array.from({ length: 100 }, (_, no) => {
      const peer = table.obtain(peerNo(no), 0);
      if (no % 2 === 0) peer.addFlow(1, undefined);
      else peer.limit.debit(1e9);
      if (!peer.hasFlows) table.rest(peer);
      return peer;
    });
    for (let no = 1000; no < 101_000; no++) table.tryTake(peerNo(no), 1, 10);
    for (const [no, peer] of waiting.entries()) {
      const found = table.get(peerNo(no).address, 10);
      expect(no % 2 === 0 ? found === peer : found!.limit.tokens(10) < -9e8).toBe(true);
    }
    expect(table.size).toBeLessThanOrEqual(1000);
  });

  it('gives the row of one that is forgotten to the next: nothing of it is left', () => {
    const table = new PeerTable({ ...LIMITS, maxPeers: 1 }, 0, 1);
    expect(table.tryTake(peerNo(1), 100, 0)).toBe(true);
    expect([table.tryTake(peerNo(2), 70, 100), table.get('10.0.0.1', 100)]).toEqual([true, undefined]);
    expect(table.get('10.0.0.2', 100)?.limit.tokens(100)).toBe(30);
  });

  describe('pin', () => {
    it('gives a peer a limit of its own where there are none, until it is unpinned', () => {
      const table = new PeerTable(NO_PEER_LIMITS, 0, 1);
      const pinned = table.pin('10.0.0.1', 0)!;
      pinned.limit.setBandwidth(LIMITS.bandwidth, 0);
      expect([table.awake(peerNo(1), 0), table.pinned('10.0.0.1')]).toEqual([pinned, pinned]);
      expect([table.tryTake(peerNo(1), 100, 0), table.tryTake(peerNo(1), 1, 0)]).toEqual([true, false]);
      expect(table.tryTake(peerNo(2), 1e9, 0)).toBe(true);
      table.rest(pinned);
      expect(table.size).toBe(1);
      table.unpin(pinned, 0);
      expect([table.size, table.pinned('10.0.0.1'), pinned.limit.rateBytesPerSecond]).toEqual([
        0,
        undefined,
        Infinity,
      ]);
    });

    it('keeps a peer however long it is idle', () => {
      const table = new PeerTable({ ...LIMITS, idleTtlMs: 0, maxPeers: 3 }, 0, 1);
      const pinned = table.pin('10.0.0.1', 0);
      for (let no = 10; no < 1000; no++) table.tryTake(peerNo(no), 1, 1e6 + no);
      expect(table.get('10.0.0.1', 2e6)).toBe(pinned);
    });

    it('finds no room while nobody can be forgotten', () => {
      const table = new PeerTable({ ...LIMITS, maxPeers: 2 }, 0, 1);
      const [a, b] = [table.pin('a', 0), table.pin('b', 0)];
      expect([table.pinned('a'), table.pinned('b'), table.pin('c', 0)]).toEqual([a, b, undefined]);
    });
  });

  describe('of addresses that have not proved themselves', () => {
    const isProven = ({ address }: { address: string }): boolean => address === '10.0.0.1';

    it('remembers none: they share sixteen limits, which weigh as one peer', () => {
      const table = new PeerTable({ ...LIMITS, isProven }, 0, 1);
      const found = Array.from({ length: 1000 }, (_, no) => table.obtain(peerNo(no + 2), 0));
      expect(new Set(found).size).toBe(16);
      expect(new Set(found.map(({ limit }) => limit)).size).toBe(16);
      expect([...new Set(found)].reduce((sum, { weight }) => sum + weight, 0)).toBe(1);
      expect(table.size).toBe(0);
    });

    it('gives one the same limit each time, whatever its port', () => {
      const table = new PeerTable({ ...LIMITS, isProven }, 0, 1);
      const peer = table.obtain(peerNo(2), 0);
      expect([table.obtain(peerNo(2), 5), table.awake(peerNo(2), 5)]).toEqual([peer, peer]);
      expect([table.tryTake(peerNo(2), 100, 5), table.tryTake(peerNo(2), 100, 5)]).toEqual([true, false]);
    });

    it('has proven ones among the others, with limits of their own', () => {
      const table = new PeerTable({ ...LIMITS, isProven }, 0, 1);
      const peer = table.obtain(peerNo(1), 0);
      expect([table.get('10.0.0.1', 0), peer.weight, table.size]).toEqual([peer, 1, 1]);
    });

    it('tells them apart without limits too, once something waits', () => {
      const table = new PeerTable({ ...NO_PEER_LIMITS, isProven }, 0, 1);
      expect([table.tryTake(peerNo(2), 1e9, 0), table.size]).toEqual([true, 0]);
      const peer = table.obtain(peerNo(2), 0);
      expect([table.awake(peerNo(2), 0), table.size]).toEqual([peer, 0]);
      table.rest(peer);
      expect(table.obtain(peerNo(2), 0)).toBe(peer);
    });
  });
});
