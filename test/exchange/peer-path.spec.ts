import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import { PeerPath } from '../../src/exchange/peer-path.js';
import { PeerPaths } from '../../src/exchange/peer-paths.js';

describe('PeerPath', () => {
  const waiter = (log: string[], name: string) => ({ isWaiting: true, admit: () => void log.push(name) });

  it('admits so many requests, then one for each that leaves, in order', () => {
    const path = new PeerPath(1000, 2, 2);
    const log: string[] = [];
    const waiters = ['a', 'b', 'c', 'd', 'e'].map((name) => waiter(log, name));
    expect(waiters.map((each) => path.enter(each))).toEqual([true, true, true, true, false]);
    expect([log.join(''), path.inFlight, path.waiting]).toEqual(['ab', 2, 2]);
    path.leave();
    expect([log.join(''), path.inFlight, path.waiting]).toEqual(['abc', 2, 1]);
  });

  it('passes over those who wait no more', () => {
    const path = new PeerPath(1000, 1, 5);
    const log: string[] = [];
    const [first, gone, last] = ['a', 'b', 'c'].map((name) => waiter(log, name)) as [any, any, any];
    for (const each of [first, gone, last]) path.enter(each);
    gone.isWaiting = false;
    path.leave();
    expect(log.join('')).toBe('ac');
    path.leave();
    expect([path.inFlight, path.waiting]).toEqual([0, 0]);
  });

  describe('runs that wait for the window', () => {
    /** A run of so many segments, while `room` lasts. */
    const runOf = (
      path: PeerPath,
      log: string[],
      name: string,
      segments: number,
      room: { left: number },
    ) => ({
      isInLine: false,
      sendOne(): 'sent' | 'blocked' | 'idle' {
        if (segments === 0) return 'idle';
        if (room.left === 0) return 'blocked';
        segments--;
        room.left--;
        log.push(name);
        // As a run does whose datagram cannot leave.
        path.resumeBlocked();
        return 'sent';
      },
    });

    it('send one segment each, in turn', () => {
      const path = new PeerPath(1000, 1, 1);
      const log: string[] = [];
      const room = { left: 5 };
      for (const name of ['a', 'b', 'c']) path.block(runOf(path, log, name, name === 'b' ? 1 : 9, room));
      path.resumeBlocked();
      expect(log.join('')).toBe('abcac');
      // The one whose turn it was keeps it.
      room.left = 2;
      path.resumeBlocked();
      expect(log.join('')).toBe('abcacac');
      expect(path.hasBlocked).toBe(true);
    });

    it('stand in line once, and leave it when they are over', () => {
      const path = new PeerPath(1000, 1, 1);
      const log: string[] = [];
      const room = { left: 9 };
      const [first, second] = ['a', 'b'].map((name) => runOf(path, log, name, 1, room)) as [any, any];
      path.block(first);
      path.block(first);
      path.block(second);
      path.unblock(first);
      path.resumeBlocked();
      expect([log.join(''), path.hasBlocked]).toEqual(['b', false]);
    });
  });

  it('remembers the first life of a server, and the last', () => {
    const path = new PeerPath(1000, 1, 1);
    expect([path.firstEpoch, path.epoch]).toEqual([0, 0]);
    path.learnEpoch(5);
    path.learnEpoch(9);
    expect([path.firstEpoch, path.epoch]).toEqual([5, 9]);
  });
});

describe('PeerPaths', () => {
  const limits = { datagramBytes: 1000, maxInFlight: 1, maxWaiting: 1 };
  const peer = (port: number): PeerAddress => PeerAddress.of('10.0.0.1', port);

  it('keeps one path for a peer, and forgets it two minutes after its last use', () => {
    const paths = new PeerPaths(limits);
    const path = paths.hold(peer(1), 0);
    expect(paths.hold(PeerAddress.of('10.0.0.1', 1), 10)).toBe(path);
    path.release(1000);
    paths.sweep(1e9);
    expect(paths.size).toBe(1);
    path.release(2000);
    paths.sweep(121_999);
    expect(paths.size).toBe(1);
    paths.sweep(122_000);
    expect(paths.size).toBe(0);
  });

  it('tells when there is something to forget some day', () => {
    const paths = new PeerPaths(limits);
    let told = 0;
    paths.onFirst = () => told++;
    paths.hold(peer(1), 0);
    paths.hold(peer(2), 0);
    expect(told).toBe(1);
  });
});

describe('PeerPaths past their bound', () => {
  const peer = (no: number): PeerAddress => PeerAddress.of('10.0.0.1', no);

  it('forget those that nobody uses, going through all of them once a second at most', () => {
    const paths = new PeerPaths({ datagramBytes: 1000, maxInFlight: 1, maxWaiting: 1, maxPaths: 3 });
    const [first] = [1, 2, 3].map((no) => paths.hold(peer(no), 0));
    paths.hold(peer(4), 0);
    // All are held: the bound gives way, and nobody is looked through again for a while.
    expect(paths.size).toBe(4);
    first?.release(10);
    paths.hold(peer(5), 999);
    expect([paths.size, paths.has(peer(1))]).toEqual([5, true]);
    paths.hold(peer(6), 1000);
    expect([paths.size, paths.has(peer(1)), paths.has(peer(2))]).toEqual([5, false, true]);
  });
});
