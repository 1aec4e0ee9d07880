import { describe, expect, it } from '@jest/globals';
import { DuplicateStore, type StoredRequest } from '../../src/exchange/duplicate-store.js';

describe('DuplicateStore', () => {
  const LIMITS = { maxBytes: 100, maxEntries: 3, maxAgeMs: 60_000 };
  const storeOf = (limits = {}) => new DuplicateStore<StoredRequest>({ ...LIMITS, ...limits }, 7);
  const request = (key: string, arrivedMs = 0, isValidated = true): StoredRequest => ({
    key,
    arrivedMs,
    isValidated,
    body: undefined,
    finishedMs: undefined,
  });

  it('finds what was added, and not what was revoked', () => {
    const store = storeOf();
    const a = request('a');
    expect(store.add(a)).toBe(true);
    expect(store.find('a')).toBe(a);
    store.keep(a, new Uint8Array(10));
    store.revoke(a);
    store.revoke(a);
    expect([store.find('a'), store.entries, store.bytes]).toEqual([undefined, 0, 0]);
  });

  it('drops the oldest bodies first, and keeps their ids', () => {
    const store = storeOf();
    const [a, b, c] = ['a', 'b', 'c'].map((key) => request(key)) as [
      StoredRequest,
      StoredRequest,
      StoredRequest,
    ];
    for (const each of [a, b, c]) {
      store.add(each);
      store.keep(each, new Uint8Array(45));
    }
    expect([a, b, c].map(({ body }) => body?.length)).toEqual([undefined, 45, 45]);
    expect([store.bytes, store.entries]).toEqual([90, 3]);
    expect(store.find('a')).toBe(a);
  });

  it('counts a body that replaces another once', () => {
    const store = storeOf();
    const a = request('a');
    store.add(a);
    store.keep(a, new Uint8Array(60));
    store.keep(a, new Uint8Array(80));
    expect([store.bytes, a.body?.length]).toEqual([80, 80]);
    store.dropBody(a);
    store.dropBody(a);
    expect([store.bytes, store.find('a')]).toEqual([0, a]);
  });

  it('forgets the one that ended first when entries run short, and none that runs', () => {
    const store = storeOf();
    const [a, b, c] = ['a', 'b', 'c'].map((key) => request(key, 5)) as [
      StoredRequest,
      StoredRequest,
      StoredRequest,
    ];
    for (const each of [a, b, c]) store.add(each);
    expect(store.add(request('d'))).toBe(false);
    store.finish(b, 10);
    store.finish(a, 20);
    expect(store.add(request('d'))).toBe(true);
    expect(['a', 'b', 'c', 'd'].map((key) => store.find(key) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it('forgets by age, from the end of a request on', () => {
    const store = storeOf();
    const a = request('a');
    store.add(a);
    expect(store.nextExpiryMs).toBe(Infinity);
    store.finish(a, 1000);
    store.finish(a, 5000);
    expect(store.nextExpiryMs).toBe(61_000);
    store.expire(60_999);
    expect(store.entries).toBe(1);
    store.expire(61_000);
    expect([store.entries, store.nextExpiryMs]).toEqual([0, Infinity]);
  });

  describe('mayHaveRun', () => {
    it.each([
      ['a first copy', 0, 99, false],
      ['a later copy that knows no life of the server', 500, 0, false],
      ['a later copy of this life', 500, 7, false],
      ['a later copy of another life', 500, 8, true],
    ])('of %s, nothing forgotten', (_what, ageMs, epoch, answer) => {
      expect(storeOf().mayHaveRun(ageMs, epoch, 1e6)).toBe(answer);
    });

    it.each([
      ['older than what was forgotten', 50_000, true],
      ['as old, but for the time a datagram may travel', 38_500, true],
      ['younger', 37_000, false],
    ])('of one that is %s', (_what, ageMs, answer) => {
      const store = storeOf({ maxEntries: 1 });
      const a = request('a', 60_000);
      store.add(a);
      store.finish(a, 60_001);
      store.add(request('b', 70_000));
      expect(store.mayHaveRun(ageMs, 7, 100_000)).toBe(answer);
    });
  });

  it('gives those who have not proved their address a small room of their own', () => {
    const store = storeOf({ maxEntries: 32, maxBytes: 1600 });
    const strangers = Array.from({ length: 3 }, (_, index) => request(`s${index}`, 0, false));
    expect(strangers.map((stranger) => store.add(stranger))).toEqual([true, true, false]);
    const known = request('k');
    store.add(known);
    store.keep(known, new Uint8Array(1600));
    store.keep(strangers[0] as StoredRequest, new Uint8Array(90));
    store.keep(strangers[1] as StoredRequest, new Uint8Array(90));
    expect([known.body?.length, strangers[0]?.body, strangers[1]?.body?.length]).toEqual([
      1600,
      undefined,
      90,
    ]);
  });
});
