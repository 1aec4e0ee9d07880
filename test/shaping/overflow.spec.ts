import { describe, expect, it } from '@jest/globals';
import { UNLIMITED } from '../../src/shaping/bandwidth.options.js';
import { NO_PEER_LIMITS } from '../../src/shaping/per-peer.options.js';
import type { QueueLimits } from '../../src/shaping/queue.options.js';
import { createShaper, peerNo, TestDatagram } from '../support/shaped.js';

describe('FairShaper, when its queue is full', () => {
  it.each([
    // 300 bytes of peer 1 and 200 of peer 2 wait, then 100 of peer 2 come where 500 fit.
    ['reject', 'overflow', [], [1, 1, 1, 2, 2]],
    ['drop-newest', 'dropped', [], [1, 1, 1, 2, 2]],
    ['drop-oldest', 'queued', [0], [1, 1, 2, 2, 2]],
    ['drop-fattest', 'queued', [0], [1, 1, 2, 2, 2]],
  ] as const)('with %s answers %s', (overflow, verdict, dropped, left) => {
    const { offer, droppedIds, peersThatWait } = setUp({ overflow, maxBytes: 500 });
    for (const peer of [1, 1, 1, 2, 2]) offer(peer);
    expect([offer(2), droppedIds(), peersThatWait()]).toEqual([verdict, dropped, left]);
  });

  it('with drop-fattest takes from whom most waits, also where that is the newcomer itself', () => {
    const { offer, droppedIds, peersThatWait } = setUp({ overflow: 'drop-fattest', maxBytes: 500 });
    for (const peer of [2, 1, 1, 1, 1]) offer(peer);
    offer(1);
    expect([droppedIds(), peersThatWait()]).toEqual([[1], [1, 1, 1, 1, 2]]);
  });

  it('keeps to what one peer may have waiting, also where whoever hears of a drop sends to it again', () => {
    const perPeer = { ...UNLIMITED, rateBytesPerSecond: 10_000, burstBytes: 2000 };
    let isFirst = true;
    const shaper = createShaper(
      {
        queue: { overflow: 'drop-oldest', maxPeerBytes: 1000 },
        peers: { ...NO_PEER_LIMITS, bandwidth: perPeer },
      },
      () => {
        if (isFirst) shaper.offer(new TestDatagram({ bytes: 900 }), 0);
        isFirst = false;
      },
    );
    // A debt of a second, behind which the next one waits.
    shaper.offer(new TestDatagram({ bytes: 12_000 }), 0);
    shaper.offer(new TestDatagram({ bytes: 900 }), 0);
    shaper.nextEventMs(0);
    shaper.offer(new TestDatagram({ bytes: 900 }), 0);
    expect([isFirst, shaper.queuedBytes]).toEqual([false, 900]);
  });

  it('knows whom nothing waits of, though fractions of bytes do not add up to nothing', () => {
    const shaper = createShaper({ bandwidth: { ...UNLIMITED, rateBytesPerSecond: 1000, burstBytes: 100 } });
    for (const bytes of [100, 0.1, 0.2, 0.3]) shaper.offer(new TestDatagram({ bytes }), 0);
    const peer = shaper.peers.get('10.0.0.1', 0)!;
    expect(shaper.backlogOfPeer(peer, 0)).toMatchObject({ queuedBytes: 0.1 + 0.2 + 0.3, queuedDatagrams: 3 });
    while (shaper.release(10) !== undefined);
    expect(shaper.backlogOfPeer(peer, 10)).toMatchObject({ queuedBytes: 0, queuedDatagrams: 0 });
  });

  it('with drop-oldest takes the oldest of all, whatever its class', () => {
    const { offer, droppedIds } = setUp({ overflow: 'drop-oldest', maxBytes: 300 });
    offer(1, { rank: 2 }, 1);
    offer(2, { rank: 0 }, 2);
    offer(3, { rank: 1 }, 3);
    offer(4, { rank: 2 }, 4);
    offer(5, { rank: 2 }, 5);
    expect(droppedIds()).toEqual([0, 1]);
  });

  it.each([
    ['reject', 'overflow', []],
    ['drop-oldest', 'queued', [1]],
    ['drop-fattest', 'queued', [1]],
  ] as const)('bounds what waits of one peer; with %s by answering %s', (overflow, verdict, dropped) => {
    const { offer, droppedIds } = setUp({ overflow, maxPeerBytes: 200 });
    for (const peer of [2, 1, 1]) offer(peer);
    expect([offer(1), droppedIds()]).toEqual([verdict, dropped]);
    expect(offer(3)).toBe('queued');
  });

  it('gives up nothing for one that could never fit', () => {
    const { offer, droppedIds } = setUp({ overflow: 'drop-oldest', maxBytes: 300 });
    for (const peer of [1, 2, 3]) offer(peer);
    expect([offer(4, { bytes: 301 }), droppedIds()]).toEqual(['dropped', []]);
  });

  it('gives up several for one that is larger', () => {
    const { offer, droppedIds, peersThatWait } = setUp({ overflow: 'drop-oldest', maxBytes: 300 });
    for (const peer of [1, 2, 3]) offer(peer);
    expect([offer(4, { bytes: 150 }), droppedIds(), peersThatWait()]).toEqual(['queued', [0, 1], [3, 4]]);
  });

  it('keeps an eighth for urgent ones', () => {
    const { offer } = setUp({ overflow: 'reject', maxBytes: 800 });
    for (let nth = 0; nth < 8; nth++) offer(1);
    expect([offer(1), offer(1, { isUrgent: true }), offer(1, { isUrgent: true })]).toEqual([
      'overflow',
      'queued',
      'overflow',
    ]);
  });

  it('lets urgent ones go before others of their flow, and no others', () => {
    const { shaper, offer } = setUp({});
    offer(1, { id: 1 });
    offer(2, { id: 2 });
    offer(1, { id: 3, isUrgent: true });
    shaper.setBandwidth({ rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }, 0);
    const order = [0, 0, 0].map(() => shaper.release(0)!.peer.address);
    expect(order).toEqual(['10.0.0.1', '10.0.0.1', '10.0.0.2']);
  });
});

describe('FairShaper, with CoDel', () => {
  it('drops from a flow that stands, and counts it', () => {
    const { shaper, offer, droppedIds } = setUp({ aqm: 'codel' }, 1e6);
    const left: number[] = [];
    for (let nth = 0; nth < 5000; nth++) offer(1, { bytes: 1000 });
    for (let nowMs = 0; nowMs < 2000; nowMs++) {
      for (let item = shaper.release(nowMs); item !== undefined; item = shaper.release(nowMs))
        left.push(item.id);
    }
    const dropped = droppedIds();
    expect(dropped.length).toBeGreaterThan(10);
    expect(left.length + dropped.length + shaper.queuedDatagrams).toBe(5000);
    // What it drops costs no rate.
    expect(left.length).toBeGreaterThan(1990);
  });

  it('leaves a flow alone that another one holds up for a moment only', () => {
    const { shaper, offer, droppedIds } = setUp({ aqm: 'codel' }, 1e6);
    for (let nowMs = 0; nowMs < 2000; nowMs += 10) {
      offer(2, { bytes: 100 }, nowMs);
      for (let nth = 0; nth < 5; nth++) offer(1, { bytes: 1000 }, nowMs);
      for (let atMs = nowMs; atMs < nowMs + 10; atMs++) while (shaper.release(atMs) !== undefined);
    }
    expect(droppedIds()).toEqual([]);
  });
});

function setUp(queue: Partial<QueueLimits>, rate = 1) {
  const dropped: number[] = [];
  const bandwidth = { rateBytesPerSecond: rate, burstBytes: 1, burstTimeMs: 20 };
  const shaper = createShaper({ bandwidth, queue }, ({ id }) => dropped.push(id));
  // Takes the burst: whatever follows must wait.
  shaper.offer(new TestDatagram({ peer: peerNo(200) }), 0);
  const waiting: TestDatagram[] = [];
  const offer = (peer: number, of: Partial<TestDatagram> = {}, nowMs = 0): string => {
    const datagram = new TestDatagram({ id: waiting.length, peer: peerNo(peer), bytes: 100, ...of });
    waiting.push(datagram);
    return shaper.offer(datagram, nowMs);
  };
  const peersThatWait = (): number[] =>
    waiting
      .filter(({ flow }) => flow !== undefined)
      .map(({ peer }) => Number(peer.address.split('.').at(-1)))
      .sort((a, b) => a - b);
  return { shaper, offer, droppedIds: () => dropped, peersThatWait };
}
