import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';
import { PendingRequests, type PendingRequest } from '../../src/exchange/pending-requests.js';

const PEER = PeerAddress.of('10.0.0.1', 3000);

describe('PendingRequests', () => {
  describe('match', () => {
    it.each([
      ['the address asked and a pending id', 'k1', PEER.address, PEER.port, 'the request'],
      ['another port', 'k1', PEER.address, PEER.port + 1, 'wrong-peer'],
      ['another address', 'k1', '10.0.0.9', PEER.port, 'wrong-peer'],
      ['an id of nobody', 'k2', PEER.address, PEER.port, 'unknown-id'],
      ['an id of another type', 1, PEER.address, PEER.port, 'unknown-id'],
      ['an id that is a word of objects', '__proto__', PEER.address, PEER.port, 'unknown-id'],
    ])('of %s is %s %s:%s -> %s', (_what, id, address, port, expected) => {
      const { table, add } = setUp();
      const request = add('k1', 100);
      const found = table.match(id, PeerAddress.of(address, port));
      expect(found === request ? 'the request' : found).toBe(expected);
      expect(table.size).toBe(1);
    });

    it('takes an IPv4 peer seen through a dual-stack socket for the same', () => {
      const { table, add } = setUp();
      const request = add('k1', 100);
      expect(table.match('k1', PeerAddress.of(`::ffff:${PEER.address}`, PEER.port))).toBe(request);
    });
  });

  describe('add', () => {
    it('refuses an id in use and leaves the first request', () => {
      const { table, add } = setUp();
      const first = add('k1', 100);
      expect(table.add(request('k1'), 50)).toBe(false);
      expect(table.match('k1', PEER)).toBe(first);
      expect(table.nextDeadlineMs()).toBe(100);
    });

    it('tells the number 1 and the text 1 apart', () => {
      const { table } = setUp();
      expect([table.add(request(1), 1), table.add(request('1'), 1)]).toEqual([true, true]);
    });

    it('refuses more than the capacity, until one is out', () => {
      const { table, add } = setUp(2);
      add('k1', 100);
      const second = add('k2', 100);
      expect(table.add(request('k3'), 100)).toBe(false);
      expect(table.size).toBe(2);
      table.remove(second);
      expect(table.add(request('k3'), 100)).toBe(true);
    });
  });

  describe('expire', () => {
    it.each([
      [99.999, []],
      [100, ['k1']],
      [250, ['k1', 'k2']],
      [1e9, ['k1', 'k2', 'k3']],
    ])('at %p ms gives %p', (nowMs, expected) => {
      const { table, add } = setUp();
      add('k3', 300);
      add('k1', 100);
      add('never', Infinity);
      add('k2', 200);
      const ids = [];
      for (let out = table.expire(nowMs); out; out = table.expire(nowMs)) ids.push(out.id);
      expect(ids).toEqual(expected);
      expect(table.size).toBe(4 - expected.length);
    });

    it('follows a deadline that was moved, either way', () => {
      const { table, add } = setUp();
      add('k1', 100);
      add('k2', 200);
      table.extend('k1', 300);
      expect(table.nextDeadlineMs()).toBe(200);
      table.extend('k2', 400);
      expect(table.nextDeadlineMs()).toBe(300);
      table.extend('k2', 50);
      expect(table.nextDeadlineMs()).toBe(50);
      table.extend('k2', Infinity);
      table.extend('k1', Infinity);
      expect(table.nextDeadlineMs()).toBe(Infinity);
      table.extend('k1', 10);
      expect(table.expire(10)?.id).toBe('k1');
    });

    it('ignores the deadline of an id that is not pending', () => {
      const { table } = setUp();
      table.extend('k1', 1);
      expect(table.nextDeadlineMs()).toBe(Infinity);
    });
  });

  it('agrees with a Map on tiny ids that come again, texts and numbers', () => {
    const random = new SeededRandom(20_261_130);
    const { table } = setUp(150);
    const model = new Map<string | number, PendingRequest<unknown>>();
    for (let step = 0; step < 20_000; step++) {
      const number = Math.floor(random.next() * 200) / 2 - 50;
      const id = random.next() < 0.5 ? number : String(number);
      expect(table.has(id)).toBe(model.has(id));
      const pending = model.get(id);
      if (pending === undefined) {
        const added = request(id);
        const isAdded = table.add(added, Infinity);
        expect(isAdded).toBe(model.size < 150);
        if (isAdded) model.set(id, added);
      } else {
        expect(table.match(id, PEER)).toBe(pending);
        expect(table.remove(pending)).toBe(true);
        model.delete(id);
      }
      expect(table.size).toBe(model.size);
    }
  });

  describe('remove', () => {
    it('takes out a request once', () => {
      const { table, add } = setUp();
      const first = add('k1', 100);
      expect([table.remove(first), table.remove(first)]).toEqual([true, false]);
      expect([table.size, table.nextDeadlineMs()]).toEqual([0, Infinity]);
    });

    it('leaves a later request of the same id alone', () => {
      const { table, add } = setUp();
      const first = add('k1', 100);
      table.remove(first);
      const second = add('k1', 200);
      expect(table.remove(first)).toBe(false);
      expect(table.match('k1', PEER)).toBe(second);
    });
  });

  describe('mayBeAsked', () => {
    it('is true of a peer until nothing of it waits', () => {
      const { table, add } = setUp();
      const requests = [add('k1', 100), add('k2', 100)];
      expect(table.mayBeAsked(PeerAddress.of(PEER.address, PEER.port))).toBe(true);
      table.remove(requests[0]!);
      expect(table.mayBeAsked(PEER)).toBe(true);
      table.remove(requests[1]!);
      table.remove(requests[1]!);
      expect(table.mayBeAsked(PEER)).toBe(false);
    });

    it('is false of nearly all others', () => {
      const { table, add } = setUp();
      add('k1', 100);
      const others = Array.from({ length: 10_000 }, (_, port) => PeerAddress.of('10.0.0.2', port));
      expect(others.filter((other) => table.mayBeAsked(other)).length).toBeLessThan(20);
    });
  });

  describe('drain', () => {
    it('takes out all', () => {
      const { table, add } = setUp();
      const requests = [add('k1', 100), add('k2', Infinity)];
      expect(table.drain()).toEqual(requests);
      expect([table.size, table.nextDeadlineMs()]).toEqual([0, Infinity]);
    });
  });
});

function request(id: string | number): PendingRequest<unknown> {
  return { id, peer: PEER, onReply: () => undefined, onFailure: () => undefined };
}

function setUp(capacity = 100) {
  const table = new PendingRequests<unknown>(capacity);
  const add = (id: string | number, deadlineMs: number): PendingRequest<unknown> => {
    const added = request(id);
    expect(table.add(added, deadlineMs)).toBe(true);
    return added;
  };
  return { table, add };
}
