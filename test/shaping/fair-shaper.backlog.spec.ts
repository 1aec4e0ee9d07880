import { describe, expect, it } from '@jest/globals';
import type { PeerAddress } from '../../src/common/peer-address.js';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import type { FairShaper } from '../../src/shaping/fair-shaper.js';
import { HandlerLimit } from '../../src/shaping/limit.js';
import { NO_PEER_LIMITS } from '../../src/shaping/per-peer.options.js';
import { createShaper, peerNo, TestDatagram } from '../support/shaped.js';

// At 1000 B/s a byte takes a millisecond.
describe('FairShaper › backlogMs', () => {
  it('is 0 when nothing waits', () => {
    expect(behind(create(), peerNo(1))).toBe(0);
  });

  it('is the whole queue for the peer whose queue it is', () => {
    const shaper = create();
    fill(shaper, peerNo(1), 20);
    expect(behind(shaper, peerNo(1))).toBe(2000);
  });

  it('is one turn of each other flow for a peer that has nothing waiting', () => {
    const shaper = create();
    for (let peer = 1; peer <= 8; peer++) fill(shaper, peerNo(peer), 20);
    expect([behind(shaper, peerNo(8)), behind(shaper, peerNo(9))]).toEqual([16_000, 800]);
  });

  it('is the whole queue where many peers have one datagram each', () => {
    const shaper = create();
    for (let peer = 1; peer <= 50; peer++) fill(shaper, peerNo(peer), 1);
    expect(behind(shaper, peerNo(99))).toBe(5000);
  });

  it('counts what waits of the peer against its own limit', () => {
    const shaper = create({ ...NO_PEER_LIMITS, bandwidth: limit(100) });
    fill(shaper, peerNo(1), 5);
    expect([behind(shaper, peerNo(1)), behind(shaper, peerNo(2))]).toEqual([5000, 100]);
  });

  it('counts what waits behind the limit of the handler, as far as it has its turn before', () => {
    const shaper = create();
    const slow = new HandlerLimit(limit(10), 0);
    fill(shaper, peerNo(1), 5, slow);
    expect([behind(shaper, peerNo(1), slow), behind(shaper, peerNo(2), slow)]).toEqual([50_000, 10_000]);
    expect(behind(shaper, peerNo(2))).toBe(100);
  });
});

function create(peers = NO_PEER_LIMITS): FairShaper<TestDatagram> {
  const shaper = createShaper({ bandwidth: limit(1000), peers });
  shaper.offer(new TestDatagram({ peer: peerNo(100) }), 0);
  return shaper;
}

/** Lets so many datagrams of 100 bytes wait. */
function fill(
  shaper: FairShaper<TestDatagram>,
  peer: PeerAddress,
  datagrams: number,
  limit?: HandlerLimit,
): void {
  const before = shaper.queuedDatagrams;
  while (shaper.queuedDatagrams < before + datagrams) shaper.offer(new TestDatagram({ peer, limit }), 0);
}

function behind(shaper: FairShaper<TestDatagram>, peer: PeerAddress, limit?: HandlerLimit): number {
  return shaper.backlogMs(new TestDatagram({ peer, limit }), 0);
}

function limit(rateBytesPerSecond: number): Bandwidth {
  return { rateBytesPerSecond, burstBytes: 100, burstTimeMs: 20 };
}
