import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { ClassRank } from '../../src/common/traffic-class.js';
import { ReleaseLoop } from '../../src/endpoint/release-loop.js';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import type { FairShaper, LimitChange } from '../../src/shaping/fair-shaper.js';
import { HandlerLimit } from '../../src/shaping/limit.js';
import type { OverflowPolicy, QueueLimits } from '../../src/shaping/queue.options.js';
import { NO_PEER_LIMITS } from '../../src/shaping/per-peer.options.js';
import { DEFAULT_TERMS } from '../../src/shaping/traffic-class.options.js';
import { createShaper, peerNo, TestDatagram } from '../support/shaped.js';
import { seed } from './seed.js';
import { SimulatedScheduler } from './simulated-scheduler.js';
import { WindowLedger } from './window-ledger.js';

describe('FairShaper, with limits of peers and handlers', () => {
  it(`keeps every limit on every path, and loses no datagram (seed ${seed})`, () => {
    const seen = { waited: 0, dropped: 0, expired: 0, withdrawn: 0 };
    fc.assert(
      fc.property(scenario, (scene) => {
        const rehearsal = new Rehearsal(scene);
        rehearsal.play();
        for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += rehearsal.seen[key];
      }),
      { seed, numRuns: RUNS },
    );
    // Scripts in which nothing ever waits, or is given up, would prove nothing.
    expect(seen.waited).toBeGreaterThan(RUNS);
    for (const key of ['dropped', 'expired', 'withdrawn'] as const)
      expect(seen[key]).toBeGreaterThan(RUNS / 10);
  }, 3_600_000);
});

/** Where a limit stands: of all, of the peer of a number, of the handler of a number. */
type Where = { readonly at: 'all' } | { readonly at: 'peer' | 'handler'; readonly no: number };

type Step =
  | { readonly do: 'offer'; readonly items: readonly Offered[] }
  | { readonly do: 'limit'; readonly where: Where; readonly bandwidth: Bandwidth }
  | { readonly do: 'pause' | 'resume'; readonly where: Where }
  | { readonly do: 'reset'; readonly no: number }
  | { readonly do: 'withdraw'; readonly nth: number }
  | { readonly do: 'elapse' | 'stall' | 'jump'; readonly ms: number };

interface Offered {
  readonly peer: number;
  readonly rank: ClassRank;
  readonly handler: number | undefined;
  readonly bytes: number;
  readonly isUrgent: boolean;
}

interface Scene {
  readonly bandwidth: Bandwidth;
  readonly perPeer: Bandwidth;
  readonly handlers: readonly Bandwidth[];
  readonly queue: Partial<QueueLimits>;
  readonly idleTtlMs: number;
  readonly steps: readonly Step[];
  readonly latenessMs: readonly number[];
}

/** One shaper with the endpoint's own release loop, in virtual time; every datagram is accounted for. */
class Rehearsal {
  readonly seen = { waited: 0, dropped: 0, expired: 0, withdrawn: 0 };
  readonly #scheduler: SimulatedScheduler;
  readonly #ledgers = new Map<string, PathLedger>();
  readonly #shaper: FairShaper<TestDatagram>;
  readonly #handlers: readonly HandlerLimit[];
  readonly #loop: ReleaseLoop<TestDatagram>;
  readonly #offered: TestDatagram[] = [];
  readonly #in = new Tally();
  readonly #out = new Tally();
  readonly #gone = new Tally();
  readonly #lastOfFlow = new Map<string, number>();

  constructor(private readonly scene: Scene) {
    const { bandwidth, perPeer, handlers, queue, idleTtlMs, latenessMs } = scene;
    let timer = 0;
    this.#scheduler = new SimulatedScheduler({
      shortestMs: 1,
      lateness: () => latenessMs[timer++ % latenessMs.length] ?? 0,
      turnMs: 0.01,
    });
    this.#scheduler.onRead = (nowMs) => this.#ledgers.forEach((ledger) => ledger.read(nowMs));
    const nowMs = this.#scheduler.now();
    const peers = { ...NO_PEER_LIMITS, bandwidth: perPeer, idleTtlMs };
    this.#shaper = createShaper({ bandwidth, peers, queue, classes: DEFAULT_TERMS }, (item) => {
      this.seen.dropped++;
      this.#gone.add(item.bytes);
    });
    this.#handlers = handlers.map((each) => new HandlerLimit(each, nowMs));
    this.#ledgers.set('all', new PathLedger(bandwidth, nowMs));
    for (let no = 0; no < PEERS; no++) this.#ledgers.set(`peer ${no}`, new PathLedger(perPeer, nowMs));
    handlers.forEach((each, no) => this.#ledgers.set(`handler ${no}`, new PathLedger(each, nowMs)));
    this.#loop = new ReleaseLoop(
      this.#shaper,
      this.#scheduler,
      (batch) => {
        this.seen.waited += batch.length;
        batch.forEach((datagram) => this.#leave(datagram));
      },
      ({ bytes }) => {
        this.seen.expired++;
        this.#gone.add(bytes);
      },
      () => {},
    );
  }

  play(): void {
    for (const step of this.scene.steps) {
      this.#take(step);
      this.#checkBalance();
    }
    this.#drain();
  }

  #take(step: Step): void {
    switch (step.do) {
      case 'offer':
        return step.items.forEach((item) => this.#offer(item));
      case 'limit':
        return this.#change(
          step.where,
          (limit, nowMs) => limit.setBandwidth(step.bandwidth, nowMs),
          (ledger) => ledger.setLimit(step.bandwidth),
        );
      case 'pause':
        return this.#change(
          step.where,
          (limit, nowMs) => limit.pause(nowMs),
          (ledger) => ledger.pause(),
        );
      case 'resume':
        return this.#resume(step.where);
      case 'reset':
        return this.#reset(step.no);
      case 'withdraw':
        return this.#withdraw(step.nth);
      case 'elapse':
        return this.#scheduler.elapse(step.ms);
      case 'stall':
        return this.#scheduler.stall(step.ms);
      case 'jump':
        return this.#scheduler.jump(step.ms);
    }
  }

  #offer({ peer, rank, handler, bytes, isUrgent }: Offered): void {
    const limit = handler === undefined ? undefined : this.#handlers[handler % this.#handlers.length];
    const datagram = new TestDatagram({
      id: this.#offered.length,
      peer: peerNo(peer),
      rank,
      limit,
      bytes,
      isUrgent,
    });
    this.#offered.push(datagram);
    this.#in.add(bytes);
    const verdict = this.#shaper.offer(datagram, this.#scheduler.now());
    if (verdict === 'pass') this.#leave(datagram);
    else if (verdict === 'queued') this.#loop.aim();
    else this.#gone.add(bytes);
    this.#checkBalance();
  }

  #change(where: Where, apply: LimitChange, note: (ledger: PathLedger) => void): void {
    if (where.at === 'handler' && this.#handlers.length === 0) return;
    const nowMs = this.#scheduler.now();
    if (where.at === 'all') {
      apply(this.#shaper, nowMs);
      note(this.#ledger('all'));
    } else if (where.at === 'peer') {
      this.#shaper.adjustPeer(peerNo(where.no).address, apply, nowMs);
      note(this.#ledger(`peer ${where.no}`));
    } else {
      const no = where.no % this.#handlers.length;
      this.#shaper.adjust(this.#handlers[no]!, apply, nowMs);
      note(this.#ledger(`handler ${no}`));
    }
    this.#loop.aim();
  }

  #resume(where: Where): void {
    this.#change(
      where,
      (limit, nowMs) => limit.resume(nowMs),
      (ledger) => ledger.resume(),
    );
  }

  #reset(no: number): void {
    const { peers } = this.#shaper;
    const key = peerNo(no).address;
    if (peers.pinned(key) === undefined) return;
    this.#shaper.resetPeer(key, this.#scheduler.now());
    this.#ledger(`peer ${no}`).resume();
    this.#ledger(`peer ${no}`).setLimit(this.scene.perPeer);
    this.#loop.aim();
  }

  #withdraw(nth: number): void {
    const datagram = this.#offered[nth % Math.max(1, this.#offered.length)];
    if (datagram === undefined || !this.#shaper.withdraw(datagram, this.#scheduler.now())) return;
    this.seen.withdrawn++;
    this.#gone.add(datagram.bytes);
    this.#loop.aim();
  }

  /** Whatever happened before: what waits comes out, and the loop falls silent. */
  #drain(): void {
    this.#resume({ at: 'all' });
    this.#handlers.forEach((_, no) => this.#resume({ at: 'handler', no }));
    for (let no = 0; no < PEERS; no++) this.#resume({ at: 'peer', no });
    for (let wakes = 0; this.#scheduler.runNext(); wakes++) {
      this.#checkBalance();
      if (wakes > 20_000) throw new Error(`the loop still wakes for ${this.#shaper.queuedBytes} bytes`);
    }
    if (this.#shaper.queuedDatagrams > 0) throw new Error('the loop sleeps while datagrams wait');
  }

  #leave({ id, bytes, peer, rank, limit, isUrgent }: TestDatagram): void {
    const handler = limit === undefined ? undefined : this.#handlers.indexOf(limit);
    const flow = `${peer.address} ${rank} ${handler} ${isUrgent}`;
    const last = this.#lastOfFlow.get(flow) ?? -1;
    if (id <= last) throw new Error(`datagram ${id} left after ${last} of the same flow`);
    this.#lastOfFlow.set(flow, id);
    this.#ledger('all').debit(bytes);
    this.#ledger(`peer ${Number(peer.address.split('.').at(-1))}`).debit(bytes);
    if (handler !== undefined) this.#ledger(`handler ${handler}`).debit(bytes);
    this.#out.add(bytes);
  }

  #ledger(name: string): PathLedger {
    return this.#ledgers.get(name)!;
  }

  #checkBalance(): void {
    const { queuedBytes, queuedDatagrams } = this.#shaper;
    const datagrams = this.#out.datagrams + this.#gone.datagrams + queuedDatagrams;
    const bytes = this.#out.bytes + this.#gone.bytes + queuedBytes;
    if (datagrams === this.#in.datagrams && bytes === this.#in.bytes) return;
    throw new Error(
      `${this.#in.bytes} bytes in ${this.#in.datagrams} datagrams came in, ` +
        `${bytes} bytes in ${datagrams} datagrams are accounted for`,
    );
  }
}

/** The promise of one limit: that of its bucket, and that of its peak. */
class PathLedger {
  readonly #rate = new WindowLedger();
  readonly #peak = new WindowLedger();

  constructor(bandwidth: Bandwidth, nowMs: number) {
    this.setLimit(bandwidth);
    this.read(nowMs);
  }

  setLimit(bandwidth: Bandwidth): void {
    setLimit(this.#rate, bandwidth);
    setLimit(this.#peak, bandwidth.peak);
  }

  read(nowMs: number): void {
    this.#rate.read(nowMs);
    this.#peak.read(nowMs);
  }

  pause(): void {
    this.#rate.pause();
  }

  resume(): void {
    this.#rate.resume();
  }

  debit(bytes: number): void {
    this.#rate.debit(bytes);
    this.#peak.debit(bytes);
  }
}

function setLimit(ledger: WindowLedger, bandwidth: Bandwidth | undefined): void {
  const { rateBytesPerSecond = Infinity, burstBytes, burstTimeMs = 0 } = bandwidth ?? {};
  ledger.setLimit(rateBytesPerSecond, burstBytes ?? (rateBytesPerSecond * burstTimeMs) / 1000);
}

class Tally {
  bytes = 0;
  datagrams = 0;

  add(bytes: number): void {
    this.bytes += bytes;
    this.datagrams++;
  }
}

const RUNS = Number(process.env['FC_RUNS'] ?? 2000);

const PEERS = 5;

const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 2000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 65_507 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 486, 1232, 1472, 65_507) },
);

// From 50 B/s to 100 MB/s, every order of magnitude as likely as another.
const limitedRate = fc.integer({ min: 0, max: 6300 }).map((steps) => 50 * 10 ** (steps / 1000));

const bandwidth: fc.Arbitrary<Bandwidth> = fc
  .record({
    rateBytesPerSecond: fc.oneof({ weight: 4, arbitrary: limitedRate }, fc.constant(Infinity)),
    burstBytes: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 200_000 })),
    burstTimeMs: fc.constantFrom(20, 0.001, 4, 1000),
    peakFactor: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      fc.double({ min: 1.1, max: 10, noNaN: true }),
    ),
  })
  .map(({ peakFactor, ...rest }) => {
    if (peakFactor === undefined || rest.rateBytesPerSecond === Infinity) return rest;
    const rateBytesPerSecond = rest.rateBytesPerSecond * peakFactor;
    const burstBytes = Math.max(1514, (rateBytesPerSecond * 4) / 1000);
    return Object.assign(rest, { peak: { rateBytesPerSecond, burstBytes, burstTimeMs: 4 } });
  });

const offered: fc.Arbitrary<Offered> = fc.record({
  peer: fc.nat(PEERS - 1),
  rank: fc.constantFrom<ClassRank>(0, 1, 1, 2),
  handler: fc.option(fc.nat(2), { nil: undefined }),
  bytes: size,
  isUrgent: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
});

const where: fc.Arbitrary<Where> = fc.oneof(
  fc.constant({ at: 'all' as const }),
  fc.record({ at: fc.constantFrom('peer' as const, 'handler' as const), no: fc.nat(PEERS - 1) }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('offer'),
      items: fc.array(offered, { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('elapse'), ms: fc.double({ min: 0, max: 200, noNaN: true }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stall'), ms: fc.integer({ min: 10, max: 500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump'), ms: fc.integer({ min: -5000, max: 5000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('limit'), where, bandwidth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume'), where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset'), no: fc.nat(PEERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw'), nth: fc.nat(200) }) },
);

const scenario: fc.Arbitrary<Scene> = fc.record({
  bandwidth,
  perPeer: fc.oneof(
    bandwidth,
    fc.constant({ rateBytesPerSecond: Infinity, burstBytes: undefined, burstTimeMs: 20 }),
  ),
  handlers: fc.array(bandwidth, { minLength: 0, maxLength: 3 }),
  queue: fc.record({
    maxBytes: fc.constantFrom(16 * 1024 ** 2, 50_000),
    maxDatagrams: fc.constantFrom(65_536, 4),
    maxPeerBytes: fc.constantFrom(1024 ** 2, 10_000),
    maxAgeMs: fc.constantFrom(Infinity, 30_000, 100),
    overflow: fc.constantFrom<OverflowPolicy>('reject', 'drop-oldest', 'drop-newest', 'drop-fattest'),
    aqm: fc.constantFrom('none', 'none', 'codel'),
  }),
  idleTtlMs: fc.constantFrom(0, 100, 120_000),
  steps: fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
  latenessMs: fc.array(fc.double({ min: -1, max: 3, noNaN: true }), { minLength: 1, maxLength: 4 }),
});
