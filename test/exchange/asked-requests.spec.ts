import { describe, expect, it } from '@jest/globals';
import { hexAt } from '../../src/common/hex.js';
import { AskedRequests, type AskedRequest } from '../../src/exchange/asked-requests.js';
import { requestIdSource } from '../../src/exchange/request-id.js';
import { hashWords, hexWords } from '../../src/exchange/request-key.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

describe('AskedRequests', () => {
  const request = (id: string): AskedRequest => ({ id, slot: -1 });
  const A = '0123456789abcdef';
  const B = '0123456789abcdee';

  it('finds a request by its id, until it is taken out', () => {
    const requests = new AskedRequests<AskedRequest>(hexWords);
    const [a, b] = [request(A), request(B)];
    requests.add(a);
    requests.add(b);
    expect([requests.get(A), requests.get(B), requests.size]).toEqual([a, b, 2]);
    requests.remove(a);
    requests.remove(a);
    expect([requests.get(A), requests.get(B), requests.size]).toEqual([undefined, b, 1]);
    expect(requests.values()).toEqual([b]);
  });

  it('finds none by what is no id, though it may be read as one', () => {
    const requests = new AskedRequests<AskedRequest>(hexWords);
    requests.add(request(A));
    for (const id of [undefined, null, 5, {}, '', A.slice(1), `${A}0`, A.toUpperCase(), `p${A.slice(1)}`]) {
      expect(requests.get(id)).toBeUndefined();
    }
    // Whoever reads digits takes a space for a 0.
    expect(hexAt(A.replace('0', ' '), 0, 8)).toBe(hexAt(A, 0, 8));
    expect(requests.get(A.replace('0', ' '))).toBeUndefined();
  });

  it('does no work on an id that is longer than any of its own', () => {
    const lengths: number[] = [];
    const requests = new AskedRequests<AskedRequest>((client, id, words) => {
      lengths.push(id.length);
      hashWords([1, 2, 3, 4])(client, id, words);
    });
    requests.add(request('aa'));
    expect([requests.get('a'.repeat(60_000)), requests.get('ab'), requests.get(12)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(lengths).toEqual([2, 2]);
  });

  it('gives the room of a peak back, and finds those that are left', () => {
    const requests = new AskedRequests<AskedRequest>(hashWords([1, 2, 3, 4]));
    const all = Array.from({ length: 5000 }, (_, id) => request(String(id)));
    for (const each of all) requests.add(each);
    const left = all.filter((_, index) => index % 1000 === 7);
    for (const each of all) if (!left.includes(each)) requests.remove(each);
    expect(requests.values()).toEqual(left);
    expect(left.map(({ id }) => requests.get(id))).toEqual(left);
    expect(Math.max(...left.map(({ slot }) => slot))).toBeLessThan(64);
    for (const each of left) requests.remove(each);
    expect([requests.size, requests.values()]).toEqual([0, []]);
  });

  it('agrees with a Map, and stays as large as what waits at a time', () => {
    const random = new SeededRandom(20_261_129);
    const createId = requestIdSource((target) => {
      for (let at = 0; at < target.length; at++) target[at] = Math.floor(random.next() * 256);
    });
    const requests = new AskedRequests<AskedRequest>(hexWords);
    const model = new Map<unknown, AskedRequest>();
    const order: AskedRequest[] = [];
    for (let step = 0; step < 20_000; step++) {
      if (model.size < 200 && random.next() < 0.5) {
        const added = request(createId());
        requests.add(added);
        model.set(added.id, added);
        order.push(added);
      } else if (order.length > 0) {
        const [gone] = order.splice(Math.floor(random.next() * order.length), 1);
        requests.remove(gone!);
        model.delete(gone!.id);
        expect(requests.get(gone!.id)).toBeUndefined();
      }
      expect(requests.size).toBe(model.size);
      const sample = order[Math.floor(random.next() * order.length)];
      if (sample !== undefined) expect(requests.get(sample.id)).toBe(sample);
    }
    expect(new Set(requests.values())).toEqual(new Set(model.values()));
    expect(Math.max(...order.map(({ slot }) => slot))).toBeLessThan(256);
  });
});
