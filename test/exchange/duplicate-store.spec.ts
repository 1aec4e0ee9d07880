import { describe, expect, it } from '@jest/globals';
import { HalfSipHash } from '../../src/common/half-sip-hash.js';
import { DuplicateStore, type StoredRequest } from '../../src/exchange/duplicate-store.js';
import { hashWords } from '../../src/exchange/request-key.js';

describe('DuplicateStore', () => {
  const LIMITS = { maxBytes: 100, maxEntries: 3, maxAgeMs: 60_000 };
  const storeOf = (limits = {}) =>
    new DuplicateStore<StoredRequest>(
      { ...LIMITS, ...limits },
      7,
      hashWords([1, 2, 3, 4]),
      new HalfSipHash(5, 6),
    );
  const request = (id: string, arrivedMs = 0, isProven = true): StoredRequest => ({
    client: 'me',
    id,
    slot: -1,
    arrivedMs,
    isProven,
  });
  const endOf = (bytes?: number) => ({
    mark: 9,
    note: 'note',
    body: bytes === undefined ? undefined : new Uint8Array(bytes),
  });

  it('finds what runs, and not what was revoked', () => {
    const store = storeOf();
    const a = request('a');
    expect(store.add(a)).toBe(true);
    expect([
      store.find('me', 'a'),
      store.remembers({ client: 'me', id: 'a' }),
      store.recall('me', 'a'),
    ]).toEqual([a, true, undefined]);
    store.revoke(a);
    store.revoke(a);
    expect([
      store.find('me', 'a'),
      store.remembers({ client: 'me', id: 'a' }),
      store.entries,
      store.bytes,
    ]).toEqual([undefined, false, 0, 0]);
  });

  it('forgets the oldest, one of 4096 at once where there are many', () => {
    const store = storeOf({ maxEntries: 8192 });
    for (let number = 0; number < 8193; number++) {
      const one = request(`${number}`, number);
      expect(store.add(one)).toBe(true);
      store.finish(one, endOf(), number);
    }
    const isKnown = (number: number): boolean => store.remembers({ client: 'me', id: `${number}` });
    expect([store.entries, isKnown(2), isKnown(3), isKnown(8192)]).toEqual([8190, false, true, true]);
    // Later copies of those may have run; of the others it is known.
    expect([store.mayHaveRun(1, 7, 2 + 2001), store.mayHaveRun(1, 7, 2 + 2002)]).toEqual([true, false]);
  });

  it('recalls what has ended, with a copy of its reply', () => {
    const store = storeOf();
    const a = request('a');
    const body = Uint8Array.of(1, 2, 3);
    store.add(a);
    store.finish(a, { mark: 4, note: a, body }, 10);
    body.fill(0);
    expect([
      store.find('me', 'a'),
      store.remembers({ client: 'me', id: 'a' }),
      store.entries,
      store.bytes,
    ]).toEqual([undefined, true, 1, 3]);
    expect(store.recall('me', 'a')).toEqual({ mark: 4, note: a, body: Uint8Array.of(1, 2, 3) });
  });

  it('drops the oldest bodies first, and keeps their ids', () => {
    const store = storeOf();
    for (const key of ['a', 'b', 'c']) {
      const each = request(key);
      store.add(each);
      store.finish(each, endOf(45), 10);
    }
    expect(['a', 'b', 'c'].map((key) => store.recall('me', key)?.body?.length)).toEqual([undefined, 45, 45]);
    expect([store.bytes, store.entries, store.remembers({ client: 'me', id: 'a' })]).toEqual([90, 3, true]);
  });

  it('knows one that has ended as present while it is busy once more', () => {
    const store = storeOf();
    const a = request('a');
    store.add(a);
    store.finish(a, endOf(1), 10);
    store.readmit(a);
    expect([store.find('me', 'a'), store.entries]).toEqual([a, 1]);
    store.release(a);
    expect([store.find('me', 'a'), store.remembers({ client: 'me', id: 'a' }), store.entries]).toEqual([
      undefined,
      true,
      1,
    ]);
  });

  it('lets none take the place of another that is present', () => {
    const store = storeOf();
    const [first, second] = [request('a'), request('a')];
    expect([store.add(first), store.add(second), store.readmit(second), store.readmit(first)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    store.release(second);
    store.finish(second, endOf(), 10);
    expect([store.find('me', 'a'), store.entries]).toEqual([first, 1]);
    store.finish(first, endOf(), 10);
    store.expire(1e9);
    expect([store.find('me', 'a'), store.entries]).toEqual([undefined, 0]);
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
    store.finish(b, endOf(), 10);
    store.finish(a, endOf(), 20);
    expect(store.add(request('d'))).toBe(true);
    expect(['a', 'b', 'c', 'd'].map((key) => store.remembers({ client: 'me', id: key }))).toEqual([
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
    store.finish(a, endOf(), 1000);
    store.finish(a, endOf(), 5000);
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
      store.finish(a, endOf(), 60_001);
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
    store.finish(known, endOf(1600), 1);
    for (const stranger of strangers) store.finish(stranger, endOf(90), 2);
    expect(['k', 's0', 's1'].map((key) => store.recall('me', key)?.body?.length)).toEqual([
      1600,
      undefined,
      90,
    ]);
    // All of them have ended, and none makes room for another stranger.
    expect([store.add(request('s3', 0, false)), store.add(request('l'))]).toEqual([false, true]);
  });

  it('takes no stranger any more once half of their bytes are used', () => {
    const store = storeOf({ maxEntries: 160, maxBytes: 1600 });
    const [a, b] = [request('a', 0, false), request('b', 0, false)];
    store.add(a);
    store.finish(a, endOf(50), 1);
    expect(store.add(b)).toBe(true);
    store.finish(b, endOf(1), 2);
    expect(store.add(request('c', 0, false))).toBe(false);
    store.expire(60_001);
    expect(store.add(request('c', 0, false))).toBe(true);
  });
});
