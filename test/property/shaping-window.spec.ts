import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ReleaseLoop } from '../../src/endpoint/release-loop.js';
import type { Bandwidth } from '../../src/shaping/bandwidth.options.js';
import type { FairShaper } from '../../src/shaping/fair-shaper.js';
import type { QueueLimits } from '../../src/shaping/queue.options.js';
import { createShaper, TestDatagram } from '../support/shaped.js';
import { seed } from './seed.js';
import { SimulatedScheduler } from './simulated-scheduler.js';
import { WindowLedger } from './window-ledger.js';

describe('FairShaper, with one flow', () => {
  it(`lets no window hold more than its rate and burst allow, and loses no datagram (seed ${seed})`, () => {
    let waited = 0;
    fc.assert(
      fc.property(scenario, (scene) => {
        const rehearsal = new Rehearsal(scene);
        rehearsal.play();
        waited += rehearsal.waited;
      }),
      { seed, numRuns: RUNS },
    );
    // Scripts in which nothing ever waits would prove nothing.
    expect(waited).toBeGreaterThan(RUNS);
  }, 3_600_000);
});

describe('WindowLedger', () => {
  // A check that cannot fail proves nothing.
  it.each([
    {
      what: 'a datagram that leaves one byte too early',
      rows: [
        [0, 1000],
        [0, 500],
        [499, 500],
      ],
    },
    {
      what: 'two datagrams above the burst within the time of one',
      rows: [
        [0, 3000],
        [2998, 3000],
      ],
    },
    {
      what: 'a burst after a clock that stepped back and forth',
      rows: [
        [5000, 1000],
        [0, 0],
        [5000, 1],
      ],
    },
  ])('refuses $what', ({ rows }) => {
    const ledger = new WindowLedger();
    ledger.setLimit(1000, 1000);
    expect(() => {
      for (const [nowMs, bytes] of rows as [number, number][]) {
        ledger.read(nowMs);
        ledger.debit(bytes);
      }
    }).toThrow('bytes above its rate');
  });

  it('accepts what leaves at the very instant the last token arrives', () => {
    const ledger = new WindowLedger();
    ledger.setLimit(1000, 1000);
    for (const [nowMs, bytes] of [
      [0, 1000],
      [500, 500],
      [1500, 4000],
      [5500, 4000],
    ] as const) {
      ledger.read(nowMs);
      ledger.debit(bytes);
    }
  });

  it('refuses a datagram that leaves during a pause', () => {
    const ledger = new WindowLedger();
    ledger.setLimit(1000, 1000);
    ledger.pause();
    expect(() => ledger.debit(1)).toThrow('during a pause');
  });
});

type Step =
  | { readonly do: 'offer'; readonly sizes: readonly number[] }
  | { readonly do: 'limit'; readonly bandwidth: Bandwidth }
  | { readonly do: 'elapse' | 'stall' | 'jump'; readonly ms: number }
  | { readonly do: 'pause' | 'resume' };

interface Scene {
  readonly bandwidth: Bandwidth;
  readonly limits: Partial<QueueLimits>;
  readonly steps: readonly Step[];
  readonly latenessMs: readonly number[];
}

/** One shaper with the endpoint's own release loop, in virtual time; every datagram is accounted for. */
class Rehearsal {
  readonly #scheduler: SimulatedScheduler;
  readonly #ledger = new WindowLedger();
  readonly #shaper: FairShaper<TestDatagram>;
  readonly #loop: ReleaseLoop<TestDatagram>;
  readonly #offered = new Tally();
  readonly #left = new Tally();
  readonly #dropped = new Tally();
  #lastLeftId = -1;
  /** Datagrams that left the queue by the rate. */
  waited = 0;

  constructor(private readonly scene: Scene) {
    const { bandwidth, limits, latenessMs } = scene;
    let timer = 0;
    this.#scheduler = new SimulatedScheduler({
      shortestMs: 1,
      lateness: () => latenessMs[timer++ % latenessMs.length] ?? 0,
      turnMs: 0.01,
    });
    this.#scheduler.onRead = (nowMs) => this.#ledger.read(nowMs);
    this.#shaper = createShaper({ bandwidth, queue: limits });
    this.#ledger.setLimit(bandwidth.rateBytesPerSecond, this.#shaper.burstBytes);
    this.#loop = new ReleaseLoop(
      this.#shaper,
      this.#scheduler,
      (batch) => {
        this.waited += batch.length;
        batch.forEach((datagram) => this.#leave(datagram));
      },
      ({ bytes }) => this.#dropped.add(bytes),
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
        return step.sizes.forEach((bytes) => this.#offer(bytes));
      case 'limit':
        return this.#limit(step.bandwidth);
      case 'elapse':
        return this.#scheduler.elapse(step.ms);
      case 'stall':
        return this.#scheduler.stall(step.ms);
      case 'jump':
        // A step back is one only for who has seen the time before: the figures are read.
        this.#shaper.tokens(this.#scheduler.now());
        return this.#scheduler.jump(step.ms);
      case 'pause':
        this.#shaper.pause(this.#scheduler.now());
        this.#ledger.pause();
        return this.#loop.aim();
      case 'resume':
        return this.#resume();
    }
  }

  #offer(bytes: number): void {
    const datagram = new TestDatagram({ id: this.#offered.datagrams, bytes });
    this.#offered.add(bytes);
    const verdict = this.#shaper.offer(datagram, this.#scheduler.now());
    if (verdict === 'pass') this.#leave(datagram);
    else if (verdict === 'queued') this.#loop.aim();
    else this.#dropped.add(bytes);
    this.#checkBalance();
  }

  #limit(bandwidth: Bandwidth): void {
    this.#shaper.setBandwidth(bandwidth, this.#scheduler.now());
    this.#ledger.setLimit(bandwidth.rateBytesPerSecond, this.#shaper.burstBytes);
    this.#loop.aim();
  }

  #resume(): void {
    this.#shaper.resume(this.#scheduler.now());
    this.#ledger.resume();
    this.#loop.aim();
  }

  /** Whatever happened before: what waits comes out, and the loop falls silent. */
  #drain(): void {
    this.#resume();
    for (let wakes = 0; this.#scheduler.runNext(); wakes++) {
      this.#checkBalance();
      if (wakes > 1000) throw new Error(`the loop still wakes for ${this.#shaper.queuedBytes} bytes`);
    }
    if (this.#shaper.queuedDatagrams > 0) throw new Error('the loop sleeps while datagrams wait');
  }

  #leave({ id, bytes }: TestDatagram): void {
    if (id <= this.#lastLeftId) throw new Error(`datagram ${id} left after ${this.#lastLeftId}`);
    this.#lastLeftId = id;
    this.#ledger.debit(bytes);
    this.#left.add(bytes);
  }

  #checkBalance(): void {
    const { queuedBytes, queuedDatagrams } = this.#shaper;
    const datagrams = this.#left.datagrams + this.#dropped.datagrams + queuedDatagrams;
    const bytes = this.#left.bytes + this.#dropped.bytes + queuedBytes;
    if (datagrams === this.#offered.datagrams && bytes === this.#offered.bytes) return;
    throw new Error(
      `${this.#offered.bytes} bytes in ${this.#offered.datagrams} datagrams came in, ` +
        `${bytes} bytes in ${datagrams} datagrams are accounted for`,
    );
  }
}

class Tally {
  bytes = 0;
  datagrams = 0;

  add(bytes: number): void {
    this.bytes += bytes;
    this.datagrams++;
  }
}

const RUNS = Number(process.env['FC_RUNS'] ?? 10_000);

const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 2000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 65_507 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 486, 1232, 1472, 65_507) },
);

// From 50 B/s to 100 MB/s, every order of magnitude as likely as another.
const limitedRate = fc.integer({ min: 0, max: 6300 }).map((steps) => 50 * 10 ** (steps / 1000));

const bandwidth: fc.Arbitrary<Bandwidth> = fc.record({
  rateBytesPerSecond: fc.oneof({ weight: 6, arbitrary: limitedRate }, fc.constant(Infinity)),
  burstBytes: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 200_000 })),
  burstTimeMs: fc.constantFrom(20, 0.001, 4, 1000),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('offer'), sizes: fc.array(size, { minLength: 1, maxLength: 5 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('elapse'), ms: fc.double({ min: 0, max: 200, noNaN: true }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stall'), ms: fc.integer({ min: 10, max: 500 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump'), ms: fc.integer({ min: -5000, max: 5000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('limit'), bandwidth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume') }) },
);

const scenario: fc.Arbitrary<Scene> = fc.record({
  bandwidth,
  limits: fc.record({
    maxBytes: fc.constantFrom(16 * 1024 ** 2, 50_000),
    maxDatagrams: fc.constantFrom(65_536, 4),
    maxAgeMs: fc.constantFrom(Infinity, 30_000, 100),
  }),
  steps: fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
  latenessMs: fc.array(fc.double({ min: -1, max: 3, noNaN: true }), { minLength: 1, maxLength: 4 }),
});
