import { describe, expect, it } from '@jest/globals';
import type { ClassRank } from '../../src/common/traffic-class.js';
import { UNLIMITED, type Bandwidth } from '../../src/shaping/bandwidth.options.js';
import type { FairShaper, Verdict } from '../../src/shaping/fair-shaper.js';
import { HandlerLimit } from '../../src/shaping/limit.js';
import { NO_PEER_LIMITS } from '../../src/shaping/per-peer.options.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';
import { seed } from '../property/seed.js';
import { createShaper, peerNo, TestDatagram } from '../support/shaped.js';

describe('FairShaper, between peers that all want more than there is', () => {
  it(`gives fifty peers of mixed sizes the same in each second (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    const sizes = Array.from({ length: 50 }, () => 40 + random.below(1433));
    const shares = new Contest(createShaper({ bandwidth: limit(5e6) }))
      .join(sizes.map((bytes, no) => ({ no, bytes: () => bytes })))
      .run(10_000);
    for (const perPeer of shares) expect(jain(perPeer)).toBeGreaterThanOrEqual(0.999);
  });

  it(`gives peers that change their sizes the same too (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    const flows = Array.from({ length: 50 }, (_, no) => ({ no, bytes: () => 1 + random.below(1472) }));
    const shares = new Contest(createShaper({ bandwidth: limit(5e6) })).join(flows).run(10_000);
    for (const perPeer of shares) expect(jain(perPeer)).toBeGreaterThanOrEqual(0.999);
  });

  it('gives by weight', () => {
    const weightOf = (peer: { address: string }): number => [1, 2, 4][Number(peer.address.at(-1))] ?? 1;
    const shaper = createShaper({ bandwidth: limit(1e6), peers: { ...NO_PEER_LIMITS, weightOf } });
    const flows = [0, 1, 2].map((no) => ({ no, bytes: () => 700 + 200 * no }));
    for (const perPeer of new Contest(shaper).join(flows).run(10_000)) {
      const total = perPeer.reduce((sum, bytes) => sum + bytes, 0);
      [1, 2, 4].forEach((weight, no) => {
        expect(Math.abs((perPeer[no]! / total) * (7 / weight) - 1)).toBeLessThan(0.02);
      });
    }
  });

  it('gives what one peer may not have to the others', () => {
    const shaper = createShaper({ bandwidth: limit(1e6) });
    shaper.adjustPeer(peerNo(0).address, (each, nowMs) => each.setBandwidth(limit(10_000), nowMs), 0);
    const flows = [0, 1, 2].map((no) => ({ no, bytes: () => 1000 }));
    const [first = []] = new Contest(shaper).join(flows).run(1000);
    expect(first[0]).toBeGreaterThanOrEqual(9000);
    expect(first[0]).toBeLessThanOrEqual(11_000);
    expect(first[1]! / first[2]!).toBeCloseTo(1, 1);
    expect(first[0]! + first[1]! + first[2]!).toBeGreaterThan(0.99e6);
  });

  it('does not let a peer that goes through its turn in one datagram come back as a new one', () => {
    // One with large datagrams and a queue that is empty each time, against one that always waits.
    const shaper = createShaper({ bandwidth: limit(1e5) });
    const contest = new Contest(shaper).join([{ no: 1, bytes: () => 1000 }]);
    contest.offer(0, 60_000);
    const [first = []] = contest.run(10_000, ({ no }) => {
      if (no === 0) contest.offer(0, 60_000);
    });
    const all = contest.totals;
    expect(all[0]! / all[1]!).toBeGreaterThan(0.8);
    expect(all[0]! / all[1]!).toBeLessThan(1.25);
    expect(first.length).toBeGreaterThan(0);
  });
});

describe('FairShaper, for a peer that sends little while others flood', () => {
  it('lets it go within one round', () => {
    const flooding = 20;
    const rate = 1e6;
    const shaper = createShaper({ bandwidth: limit(rate) });
    const contest = new Contest(shaper).join(
      Array.from({ length: flooding }, (_, no) => ({ no, bytes: () => 1200 })),
      // A hundred times the limit of one second waits.
      (100 * rate) / (flooding * 1200),
    );
    const roundMs = ((flooding * 1514) / rate) * 1000;
    const waits: number[] = [];
    let askedMs = 0;
    // The flood is no news any more: in its first round, its flows are new ones too.
    contest.run(1000);
    for (let times = 0; times < 40; times++) {
      askedMs = contest.nowMs;
      contest.offer(99, 100);
      contest.run(200, ({ no }) => {
        if (no === 99) waits.push(contest.nowMs - askedMs);
      });
    }
    expect(waits).toHaveLength(40);
    expect(Math.max(...waits)).toBeLessThanOrEqual(roundMs + 5);
    // New flows go before old ones: as a rule it waits for one datagram only.
    expect(waits.sort((a, b) => a - b)[20]).toBeLessThan(5);
  });
});

describe('FairShaper, with a limit that many share', () => {
  it('wakes what the limit allows, and not all who wait for it', () => {
    const shared = new CountingLimit(limit(100_000), 0);
    const shaper = createShaper({ queue: { maxDatagrams: 200_000 } });
    const flows = 100_000;
    for (let no = 0; no < flows; no++) {
      shaper.offer(new TestDatagram({ peer: peerNo(no), limit: shared, bytes: 1000 }), 0);
    }
    shaper.nextEventMs(0);
    shared.questions = 0;
    let released = 0;
    for (let nowMs = 0; released < 500;) {
      nowMs = Math.max(nowMs, shaper.nextEventMs(nowMs));
      while (shaper.release(nowMs) !== undefined) released++;
    }
    // A handful for each datagram, however many wait.
    expect(shared.questions / released).toBeLessThan(20);
  });

  it('gives peers that wait for it turns of the same bytes', () => {
    const shared = new HandlerLimit(limit(500_000), 0);
    const flows = Array.from({ length: 10 }, (_, no) => ({ no, bytes: () => 200 + 100 * no, limit: shared }));
    for (const perPeer of new Contest(createShaper()).join(flows).run(5000)) {
      expect(jain(perPeer)).toBeGreaterThanOrEqual(0.995);
    }
  });

  it('holds up nothing of the same peers that does not pass it', () => {
    const list = new HandlerLimit(limit(1000), 0);
    const shaper = createShaper({ bandwidth: limit(1e6) });
    for (let nth = 0; nth < 50; nth++) shaper.offer(new TestDatagram({ limit: list, bytes: 1000 }), 0);
    expect(shaper.offer(new TestDatagram({ bytes: 100 }), 1)).toBe('pass');
  });
});

describe('FairShaper, with traffic classes', () => {
  const flood = (rank: ClassRank) => ({ no: rank, rank, bytes: () => 500 });

  it.each([
    // Strict within the shares of 25, 50 and 5 %; the 20 % above them by weights of 9, 3 and 1.
    {
      what: 'all three flood',
      ranks: [0, 1, 2],
      parts: [0.25 + 0.2 * (9 / 13), 0.5 + 0.2 * (3 / 13), 0.05 + 0.2 / 13],
    },
    { what: 'control and bulk flood', ranks: [0, 2], parts: [0.25 + 0.7 * 0.9, 0, 0.05 + 0.7 * 0.1] },
    { what: 'interactive and bulk flood', ranks: [1, 2], parts: [0, 0.5 + 0.45 * 0.75, 0.05 + 0.45 * 0.25] },
    { what: 'bulk floods alone', ranks: [2], parts: [0, 0, 1] },
  ])('divides the limit by shares and weights when $what', ({ ranks, parts }) => {
    const contest = new Contest(createShaper({ bandwidth: limit(1e6) }));
    contest.join(ranks.map((rank) => flood(rank as ClassRank))).run(10_000);
    const total = contest.totals.reduce((sum, bytes) => sum + bytes, 0);
    parts.forEach((part, rank) => expect((contest.totals[rank] ?? 0) / total).toBeCloseTo(part, 1.9));
  });

  it('lets control go before all that waits, while it keeps to its share', () => {
    const contest = new Contest(createShaper({ bandwidth: limit(1e6) })).join([
      { no: 1, rank: 1, bytes: () => 1200 },
      { no: 2, rank: 2, bytes: () => 1200 },
    ]);
    contest.run(1000);
    let waitedMs = 0;
    for (let times = 0; times < 100; times++) {
      const askedMs = contest.nowMs;
      contest.offer(3, 60, 0);
      contest.run(10, ({ no }) => {
        if (no === 3) waitedMs = Math.max(waitedMs, contest.nowMs - askedMs);
      });
    }
    // One datagram may have been let go on credit just before.
    expect(waitedMs).toBeLessThanOrEqual(1.3);
  });

  it('owes a class nothing for the time in which it sent nothing', () => {
    const contest = new Contest(createShaper({ bandwidth: limit(1e6) })).join([flood(0)]);
    contest.run(5000);
    const before = [...contest.totals];
    contest.join([flood(2)]).run(1000);
    // 12 % in the long run; were it owed for five seconds, it would have taken all of this one.
    const bulk = (contest.totals[2] ?? 0) - (before[2] ?? 0);
    expect(bulk / 1e6).toBeLessThan(0.15);
  });
});

describe('FairShaper, with classes that wait for one limit of their own', () => {
  const waiting = (shared: HandlerLimit | undefined): Contest => {
    const peers = { ...NO_PEER_LIMITS, bandwidth: limit(100_000) };
    const shaper = createShaper(shared === undefined ? { peers } : {});
    return new Contest(shaper).join(
      ([0, 1, 2] as const).map((rank) => ({ no: 7, rank, bytes: () => 500, limit: shared })),
    );
  };

  it.each([
    ['a peer', undefined],
    ['a handler', new HandlerLimit(limit(100_000), 0)],
  ])('divides the limit of %s by their weights', (_what, shared) => {
    const contest = waiting(shared);
    contest.run(1000);
    const before = [...contest.ofRank];
    contest.run(20_000);
    const got = contest.ofRank.map((bytes, rank) => bytes - before[rank]!);
    const total = got.reduce((sum, bytes) => sum + bytes, 0);
    [9, 3, 1].forEach((weight, rank) => expect(got[rank]! / total).toBeCloseTo(weight / 13, 1.7));
  });

  it('lets what a peer asks now and then go before what it has in bulk', () => {
    const shaper = createShaper({ peers: { ...NO_PEER_LIMITS, bandwidth: limit(25_000) } });
    const contest = new Contest(shaper).join([{ no: 7, rank: 2, bytes: () => 1200 }]);
    contest.run(1000);
    const waits: number[] = [];
    for (let times = 0; times < 20; times++) {
      const before = contest.ofRank[1]!;
      const askedMs = contest.nowMs;
      contest.offer(7, 100, 1);
      contest.run(500, () => {
        if (contest.ofRank[1]! > before && waits.length === times) waits.push(contest.nowMs - askedMs);
      });
    }
    // The debt of one large datagram, 48 ms, and no turn of two.
    expect(waits).toHaveLength(20);
    expect(Math.max(...waits)).toBeLessThanOrEqual(49);
  });
});

/** Peers whose queues never run empty, and a clock that follows the shaper. */
class Contest {
  nowMs = 0;
  /** Bytes that each peer has got so far, by its number. */
  readonly totals: number[] = [];
  /** Bytes that each class has got so far. */
  readonly ofRank = [0, 0, 0];
  readonly #flows = new Map<string, Contestant>();

  constructor(private readonly shaper: FairShaper<TestDatagram>) {}

  join(flows: readonly Contestant[], datagrams = 20): this {
    for (const flow of flows) {
      this.#flows.set(`${flow.no} ${flow.rank ?? 1}`, flow);
      for (let queued = 0; queued < datagrams;) if (this.#refill(flow) === 'queued') queued++;
    }
    return this;
  }

  offer(no: number, bytes: number, rank: ClassRank = 1, handlerLimit?: HandlerLimit): Verdict {
    const datagram = new TestDatagram({ id: no, peer: peerNo(no), bytes, rank, limit: handlerLimit });
    const verdict = this.shaper.offer(datagram, this.nowMs);
    if (verdict === 'pass') this.#count(datagram);
    return verdict;
  }

  /** @returns bytes of each peer, for each whole second */
  run(ms: number, onRelease: (released: { no: number }) => void = () => {}): number[][] {
    const endMs = this.nowMs + ms;
    const seconds: number[][] = [];
    // What the burst has let through while the queues were filled belongs to no second.
    let before = [...this.totals];
    let secondMs = this.nowMs + 1000;
    for (;;) {
      const nextMs = Math.max(this.nowMs, this.shaper.nextEventMs(this.nowMs));
      while (secondMs <= Math.min(nextMs, endMs)) {
        seconds.push(this.totals.map((bytes, no) => (bytes ?? 0) - (before[no] ?? 0)));
        before = [...this.totals];
        secondMs += 1000;
      }
      if (nextMs > endMs) break;
      this.nowMs = nextMs;
      for (let item = this.shaper.release(nextMs); item !== undefined; item = this.shaper.release(nextMs)) {
        this.#count(item);
        const flow = this.#flows.get(`${item.id} ${item.rank}`);
        if (flow !== undefined) this.#refill(flow);
        onRelease({ no: item.id });
      }
    }
    this.nowMs = endMs;
    return seconds;
  }

  #refill({ no, bytes, rank = 1, limit }: Contestant): Verdict {
    return this.offer(no, bytes(), rank, limit);
  }

  #count({ id, bytes, rank }: TestDatagram): void {
    this.ofRank[rank]! += bytes;
    this.totals[id] = (this.totals[id] ?? 0) + bytes;
  }
}

interface Contestant {
  readonly no: number;
  readonly bytes: () => number;
  readonly rank?: ClassRank;
  readonly limit?: HandlerLimit | undefined;
}

/** Counts how often anybody asks it. */
class CountingLimit extends HandlerLimit {
  questions = 0;

  override delayFor(bytes: number, nowMs: number): number {
    this.questions++;
    return super.delayFor(bytes, nowMs);
  }

  override delayBehind(queuedBytes: number, bytes: number, nowMs: number): number {
    this.questions++;
    return super.delayBehind(queuedBytes, bytes, nowMs);
  }
}

/** Jain's index of fairness: 1 when all are equal. */
function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return (sum * sum) / (values.length * squares);
}

function limit(rateBytesPerSecond: number): Bandwidth {
  return { ...UNLIMITED, rateBytesPerSecond };
}
