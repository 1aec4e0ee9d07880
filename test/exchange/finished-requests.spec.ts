import { describe, expect, it } from '@jest/globals';
import { HalfSipHash } from '../../src/common/half-sip-hash.js';
import { FinishedRequests } from '../../src/exchange/finished-requests.js';
import { hexWords, RequestKey } from '../../src/exchange/request-key.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

const HASHING = new HalfSipHash(1, 1);

const keyOf = (...words: number[]): RequestKey =>
  new RequestKey(HASHING, hexWords).ofWords(Uint32Array.from([...words, 0, 0, 0]), 0);

describe('FinishedRequests', () => {
  it('knows nothing at first', () => {
    const requests = new FinishedRequests(10, 100);
    expect([requests.has(keyOf(1)), requests.get(keyOf(1)), requests.size, requests.bytes]).toEqual([
      false,
      undefined,
      0,
      0,
    ]);
    expect([requests.forgetFirst(), requests.firstEndedMs]).toEqual([-Infinity, Infinity]);
  });

  it('keeps no body that is larger than its room', () => {
    const requests = new FinishedRequests(10, 100);
    requests.push(keyOf(1), { mark: 1, note: 'n', body: new Uint8Array(101) }, 0, 1);
    expect(requests.get(keyOf(1))).toEqual({ mark: 1, note: 'n', body: undefined });
    requests.push(keyOf(2), { mark: 1, note: 'n', body: new Uint8Array(100).fill(3) }, 0, 1);
    expect(requests.get(keyOf(2))?.body).toEqual(new Uint8Array(100).fill(3));
  });

  it('keeps bodies whole behind an empty one that is forgotten', () => {
    const requests = new FinishedRequests(10, 10);
    const push = (key: number, bytes: number): void => {
      const body = new Uint8Array(bytes).fill(key);
      requests.push(keyOf(key), { mark: 1, note: 'n', body }, 0, 1);
    };
    push(1, 4);
    push(2, 0);
    requests.forgetFirst();
    push(3, 8);
    requests.forgetFirst();
    push(4, 4);
    expect(requests.get(keyOf(3))?.body ?? 'evicted').toEqual('evicted');
    expect(requests.get(keyOf(4))?.body).toEqual(new Uint8Array(4).fill(4));
    push(5, 6);
    expect([requests.get(keyOf(4))?.body, requests.get(keyOf(5))?.body]).toEqual([
      new Uint8Array(4).fill(4),
      new Uint8Array(6).fill(5),
    ]);
  });

  it('tells keys apart by each of their words', () => {
    const requests = new FinishedRequests(10, 100);
    for (let word = 0; word < 4; word++) {
      const words = [0, 0, 0, 0].fill(5, word, word + 1);
      requests.push(keyOf(...words), { mark: word, note: undefined, body: undefined }, 0, 0);
    }
    expect(requests.get(keyOf(0, 0, 5, 0))?.mark).toBe(2);
    expect(requests.has(keyOf(5, 5, 0, 0))).toBe(false);
  });

  it.each([
    [1, 0],
    [3, 10],
    [50, 1000],
    [700, 5000],
    [700, 400_000],
  ])('does what a plain list would: %i entries, %i bytes', (maxEntries, maxBytes) => {
    const seed = Date.now() % 2 ** 31;
    const random = new SeededRandom(seed);
    const requests = new FinishedRequests(maxEntries, maxBytes);
    let list: { key: number; mark: number; body: Uint8Array | undefined; arrivedMs: number }[] = [];
    for (let step = 0; step < 5000; step++) {
      if (list.length === maxEntries || random.chance(0.2)) {
        expect({ seed, step, arrivedMs: requests.forgetFirst() }).toEqual({
          seed,
          step,
          arrivedMs: list[0]?.arrivedMs ?? -Infinity,
        });
        list = list.slice(1);
      } else {
        const body = random.chance(0.3) ? undefined : new Uint8Array(random.below(700)).fill(step);
        const kept = body !== undefined && body.length <= maxBytes ? body : undefined;
        requests.push(keyOf(step), { mark: step % 256, note: step % 10, body }, step, step + 1);
        list.push({ key: step, mark: step % 256, body: kept, arrivedMs: step });
      }
      const asked = random.below(step + 1);
      const found = requests.get(keyOf(asked));
      const known = list.find(({ key }) => key === asked);
      expect({ seed, step, isKnown: found !== undefined }).toEqual({
        seed,
        step,
        isKnown: known !== undefined,
      });
      if (found === undefined || known === undefined) continue;
      expect({ seed, step, mark: found.mark, note: found.note }).toEqual({
        seed,
        step,
        mark: known.mark,
        note: known.key % 10,
      });
      // Its body, whole, or none any more.
      if (found.body !== undefined) {
        expect({ seed, step, body: found.body }).toEqual({ seed, step, body: known.body });
      }
    }
    expect([requests.size, requests.bytes <= maxBytes]).toEqual([list.length, true]);
    // What is there is the newest: no body is missing behind one that is kept.
    const bodies = list
      .filter(({ body }) => body !== undefined)
      .map(({ key }) => requests.get(keyOf(key))?.body);
    const firstKept = bodies.findIndex((body) => body !== undefined);
    if (firstKept >= 0) expect(bodies.slice(firstKept)).not.toContain(undefined);
    if (maxBytes > 350_000) expect(firstKept).toBeLessThanOrEqual(Math.max(0, bodies.length - 500));
  });
});
