import { Observable, type Subscription } from 'rxjs';
import { ThrottledUdpClient, ThrottledUdpTransport, UdpRecordBuilder } from '../../src/index.js';
import {
  ManualClock,
  SeededRandom,
  VirtualNetwork,
  type NetworkConditions,
} from '../../src/testing/index.js';

/** What one operation of a script does, drawn from its seed. */
export interface Operation {
  readonly index: number;
  readonly kind:
    'request' | 'slow' | 'large request' | 'large reply' | 'failure' | 'observable' | 'generator' | 'event';
  /** Values of a stream. */
  readonly values: number;
  /** Bytes of padding in a request, a reply or each value. */
  readonly bytes: number;
  /** Milliseconds that the handler takes for its reply, or between values of a generator. */
  readonly workMs: number;
  readonly startMs: number;
  readonly timeoutMs: number;
  /** When its subscriber loses interest; `Infinity` for never. */
  readonly giveUpMs: number;
}

/** What became of it. */
export interface Outcome {
  readonly values: unknown[];
  /** `value`, `completed`, `given up`, or the code of an error. */
  readonly ends: string[];
}

export interface Script {
  readonly conditions: Required<NetworkConditions>;
  /** When nothing comes through any more, as if the other side had died; `Infinity` for never. */
  readonly blackoutMs: number;
  /** Upload limit of the service, bytes per second: what it says must wait to leave. */
  readonly upload: number;
  readonly operations: readonly Operation[];
}

/** A few operations on one network, all from a seed. */
export function scriptOf(random: SeededRandom): Script {
  const least = 1 + random.below(100);
  const conditions = {
    loss: random.chance(0.2) ? 0 : random.next() * 0.6,
    duplicate: random.chance(0.3) ? 0 : random.next() * 0.3,
    reorder: random.chance(0.3) ? 0 : random.next() * 0.3,
    delayMs: [least, least + random.below(random.chance(0.5) ? 20 : 400)] as const,
  };
  const operations = Array.from({ length: 1 + random.below(6) }, (_, index) => operationOf(random, index));
  const blackoutMs = random.chance(0.1) ? random.below(4000) : Infinity;
  const upload = random.chance(0.5) ? Infinity : 50_000 + random.below(100_000);
  return { conditions, operations, blackoutMs, upload };
}

function operationOf(random: SeededRandom, index: number): Operation {
  const kind = KINDS[random.below(KINDS.length)] as Operation['kind'];
  const isLarge = kind.startsWith('large');
  const isStream = kind === 'observable' || kind === 'generator';
  return {
    index,
    kind,
    values: isStream ? random.below(40) : 1,
    bytes: isLarge ? 1500 + random.below(30_000) : random.chance(0.2) ? random.below(4000) : random.below(50),
    workMs:
      kind === 'slow'
        ? random.below(4000)
        : kind === 'generator' && random.chance(0.3)
          ? random.below(300)
          : 0,
    startMs: random.below(2000),
    timeoutMs: 1000 + random.below(60_000),
    giveUpMs: random.chance(0.1) ? random.below(5000) : Infinity,
  };
}

/** Runs a script on a network in memory and says what is wrong; nothing when all promises were kept. */
export class ScriptRun {
  readonly #clock = new ManualClock();
  readonly #network: VirtualNetwork;
  readonly #server: ThrottledUdpTransport;
  readonly #client: ThrottledUdpClient;
  readonly #runs = new Map<number, number>();
  readonly #outcomes: Outcome[];
  readonly #problems: string[] = [];

  constructor(
    private readonly script: Script,
    seed: number,
  ) {
    this.#network = new VirtualNetwork({ clock: this.#clock, seed, ...script.conditions });
    this.#server = new ThrottledUdpTransport(
      // Without a burst: each datagram waits for those before it. Nothing is refused for it: that is tested elsewhere.
      {
        host: '10.0.0.1',
        port: 4000,
        upload: { rate: script.upload, burst: 1 },
        queue: { busyAfter: Infinity },
      },
      this.#network.environment('10.0.0.1'),
    );
    this.#client = new ThrottledUdpClient(
      { host: '10.0.0.1', port: 4000 },
      this.#network.environment('10.0.0.2'),
    );
    this.#outcomes = script.operations.map(() => ({ values: [], ends: [] }));
  }

  async run(): Promise<readonly string[]> {
    this.#server.addHandler('work', (operation: Operation) => this.#work(operation));
    this.#server.addHandler('event', async (operation: Operation) => this.#count(operation), true);
    this.#server.listen(() => undefined);
    await this.#client.connect();
    for (const operation of this.script.operations) this.#plan(operation);
    const { blackoutMs } = this.script;
    if (blackoutMs < Infinity) this.#clock.after(blackoutMs, () => this.#network.change({ loss: 1 }));
    for (let step = 0; step < MAX_STEPS && !this.#isOver; step++) await this.#clock.advance(STEP_MS);
    this.script.operations.forEach((operation) => this.#check(operation));
    await this.#checkIdle();
    return this.#problems;
  }

  get outcomes(): readonly Outcome[] {
    return this.#outcomes;
  }

  describe(): string {
    return this.#network.describe();
  }

  #plan(operation: Operation): void {
    const { index, kind, bytes, startMs, timeoutMs, giveUpMs } = operation;
    const outcome = this.#outcomes[index] as Outcome;
    const padding = kind === 'large request' ? 'q'.repeat(bytes) : '';
    const builder = new UdpRecordBuilder({ ...operation, giveUpMs: 0, padding }).setTimeout(timeoutMs);
    let subscription: Subscription | undefined;
    this.#clock.after(startMs, () => {
      const told =
        kind === 'event'
          ? this.#client.emit('event', builder.setConfirmable().build())
          : this.#client.send('work', builder.build());
      subscription = told.subscribe({
        next: (value) => void outcome.values.push(value),
        error: (error: unknown) => void outcome.ends.push(codeOf(error)),
        complete: () => void outcome.ends.push('completed'),
      });
    });
    if (giveUpMs === Infinity || kind === 'event') return;
    this.#clock.after(startMs + giveUpMs, () => {
      if (outcome.ends.length > 0) return;
      subscription?.unsubscribe();
      outcome.ends.push('given up');
    });
  }

  async #work(operation: Operation): Promise<unknown> {
    this.#count(operation);
    const { kind, values, bytes, workMs } = operation;
    const padding = 'p'.repeat(kind === 'large request' ? 0 : bytes);
    if (workMs > 0 && kind === 'slow') await this.#sleep(workMs);
    if (kind === 'failure') throw Object.assign(new Error('as asked'), { status: 'error' });
    if (kind === 'generator') return this.#generate(values, padding, workMs);
    if (kind !== 'observable') return { at: 0, padding };
    return new Observable((subscriber) => {
      for (let at = 0; at < values; at++) subscriber.next({ at, padding });
      subscriber.complete();
    });
  }

  async *#generate(values: number, padding: string, workMs: number): AsyncGenerator<unknown> {
    for (let at = 0; at < values; at++) {
      if (workMs > 0) await this.#sleep(workMs);
      yield { at, padding };
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(milliseconds, resolve));
  }

  #count({ index }: Operation): void {
    this.#runs.set(index, (this.#runs.get(index) ?? 0) + 1);
  }

  get #isOver(): boolean {
    return this.#outcomes.every(({ ends }) => ends.length > 0);
  }

  #check(operation: Operation): void {
    const { index, kind, values, bytes, timeoutMs } = operation;
    const { values: seen, ends } = this.#outcomes[index] as Outcome;
    const runs = this.#runs.get(index) ?? 0;
    const what = `${kind} ${index}`;
    if (ends.length !== 1) this.#problems.push(`${what} ended ${ends.length} times: ${ends.join(', ')}`);
    if (runs > 1) this.#problems.push(`${what} ran ${runs} times`);
    const [end = 'nothing'] = ends;
    if (!KNOWN_ENDS.has(end)) this.#problems.push(`${what} ended with ${end}`);
    const isGood = this.script.conditions.loss < 0.05 && this.script.blackoutMs === Infinity;
    if (isGood && timeoutMs > 30_000 && end.startsWith('UDP_')) {
      this.#problems.push(`${what} failed on a good network: ${end}`);
    }
    if (end === 'completed' && runs !== 1) this.#problems.push(`${what} completed and ran ${runs} times`);
    if (kind === 'event') return;
    seen.forEach((value, position) => {
      const { at, padding } = value as { at: number; padding: string };
      const isRight = at === position && padding.length === (kind === 'large request' ? 0 : bytes);
      if (!isRight) this.#problems.push(`${what} has value ${at} of ${padding.length} bytes at ${position}`);
    });
    if (end === 'completed' && seen.length !== values) {
      this.#problems.push(`${what} completed with ${seen.length} of ${values} values`);
    }
    if (kind === 'failure' && end === 'completed') this.#problems.push(`${what} did not fail`);
  }

  /** Nothing is kept, and no more was sent than the rules allow. */
  async #checkIdle(): Promise<void> {
    const { sent } = this.#network.counters;
    const allowed = this.script.operations.reduce((sum, operation) => sum + datagramsFor(operation), 10);
    if (sent > allowed) this.#problems.push(`${sent} datagrams were sent, ${allowed} are enough`);
    this.#network.change({ loss: 0, duplicate: 0, reorder: 0, delayMs: 1 });
    await this.#clock.advance(IDLE_MS);
    const client = this.#client.stats().packets;
    const server = this.#server.stats();
    const kept = {
      inFlight: client.inFlight,
      peers: client.exchange?.peers,
      ofClient: client.exchange?.reassemblyBytes,
      handlers: server.handlers.running,
      open: server.packets.exchange?.running,
      stored: server.packets.exchange?.stored,
      storedBytes: server.packets.exchange?.storedBytes,
      streams: server.packets.exchange?.streams,
      reassemblyBytes: server.packets.exchange?.reassemblyBytes,
      undeliveredBytes: server.packets.exchange?.undeliveredBytes,
      paths: server.packets.exchange?.peers,
      timers: this.#clock.pendingTimers,
    };
    for (const [name, count] of Object.entries(kept)) {
      if (count !== 0) this.#problems.push(`${name} is ${count} after idle time`);
    }
    const closed = Promise.all([this.#client.close(), this.#server.close()]);
    await this.#clock.advance(0);
    await closed;
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? String(error);
}

/** What back-off and congestion window allow one operation, with every copy answered: see PROTOCOL.md. */
function datagramsFor({ kind, values, bytes, timeoutMs }: Operation): number {
  // Copies of the request, then probes: each doubles its wait up to 4 s, and has an answer, or two when repeated.
  const questions = 12 + (timeoutMs + STREAM_TIMEOUT_MS) / 2000;
  const segments =
    (kind.startsWith('large') || kind === 'observable' || kind === 'generator' ? values : 0) *
    Math.ceil((bytes + 200) / 1100);
  // At the worst loss a segment gets through, and is heard of, once in six tries; each has an acknowledgement.
  return Math.ceil(3 * questions + 30 * segments + 30);
}

const KINDS: readonly Operation['kind'][] = [
  'request',
  'request',
  'slow',
  'large request',
  'large reply',
  'failure',
  'observable',
  'generator',
  'event',
];

const KNOWN_ENDS: ReadonlySet<string> = new Set([
  'completed',
  'given up',
  'Internal server error',
  'as asked',
  'UDP_REQUEST_TIMEOUT',
  'UDP_STREAM_LOST',
]);

const STREAM_TIMEOUT_MS = 30_000;

const STEP_MS = 1000;

const MAX_STEPS = 600;

// Longer than anything is remembered: stored replies for 60 s, paths for 120 s and up to another 60.
const IDLE_MS = 400_000;
