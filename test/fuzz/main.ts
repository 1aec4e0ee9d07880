/**
 * Live services under a storm of datagrams that nobody should send, one kind of service after the other:
 * `main.ts --seconds N [--seed S] [--rate DATAGRAMS] [--only NAME] [--stall MS]`. Ends with 1 when a promise was broken, and
 * says which seed does it again.
 */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { AttackReport } from './attacker.js';
import { HonestClient, HonestRawPeer, PatientClient, type HonestPeer } from './honest-peer.js';
import type { HostileServerReport } from './hostile-server.js';
import { StallWatch, type Stall } from './stall-watch.js';
import type { SubjectReport } from './subject.js';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { seconds: text, seed: text, rate: text, only: text, stall: text } });
const seconds = Number(values.seconds ?? 20);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const rate = Number(values.rate ?? 1000);
/** The longest time for which an event loop may be busy with one turn, in milliseconds of its own processor time. */
const stallMs = Number(values.stall ?? 50);

/** A child process that answers one message at a time. */
class Child {
  readonly #process: ChildProcess;
  readonly #stderr: Buffer[] = [];
  port = 0;

  private constructor(
    readonly name: string,
    args: readonly string[],
    prefix: readonly string[],
  ) {
    const [execPath, ...rest] = [...prefix, process.execPath];
    this.#process = fork(`./test/fuzz/${name}`, args, {
      execPath,
      execArgv: [...rest, ...(name.endsWith('.ts') ? TYPESCRIPT : [])],
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
  }

  static async start(
    name: string,
    args: readonly (string | number)[],
    prefix: readonly string[] = [],
  ): Promise<Child> {
    const child = new Child(name, args.map(String), prefix);
    child.port = (await child.#hear<{ port: number }>()).port;
    return child;
  }

  /** @throws {Broken} it has ended */
  report<R>(question: 'report' | 'collect' = 'report'): Promise<R> {
    const report = this.#hear<R>();
    if (this.#process.connected) this.#process.send(question);
    return report;
  }

  async end(): Promise<void> {
    if (!this.#process.connected) return;
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }

  async #hear<R>(): Promise<R> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Broken(`${this.name} has ended:\n${this.#words}`));
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) return onExit();
      this.#process.once('exit', onExit);
      this.#process.once('message', (message) => {
        this.#process.off('exit', onExit);
        resolve(message as R);
      });
    });
  }

  get #words(): string {
    return Buffer.concat(this.#stderr).toString();
  }
}

/**
 * What the machine does to everybody: idle processes, one for each processor and ahead of all others there where the
 * system lets them. When such a one is late, the processor was not there: a virtual machine is not always.
 */
class Idlers {
  private constructor(private readonly children: readonly Child[]) {}

  static async start(): Promise<Idlers> {
    const mayBeFirst = spawnSync('nice', ['-n', '-20', 'taskset', '-c', '0', 'true']).status === 0;
    const prefixes = mayBeFirst
      ? cpus().map((_, processor) => ['nice', '-n', '-20', 'taskset', '-c', String(processor)])
      : [[]];
    return new Idlers(await Promise.all(prefixes.map((prefix) => Child.start('idle.mjs', [], prefix))));
  }

  /** Milliseconds for which one of them stood still since the last question, at the longest. */
  async stolenMs(): Promise<number> {
    const reports = await Promise.all(this.children.map((child) => child.report<number>()));
    return Math.max(...reports);
  }

  async end(): Promise<void> {
    await Promise.all(this.children.map((child) => child.end()));
  }
}

/** A promise was not kept. */
class Broken extends Error {}

/** What a run has seen at the most. */
interface Worst {
  stallMs: number;
  /** Of that, what the processor did for the service itself. */
  ownMs: number;
  /** For how long a processor was not there, see {@link Idlers}. */
  stolenMs: number;
  rssBytes: number;
  factor: number;
}

interface Scene {
  readonly name: string;
  readonly subject: readonly string[];
  /** Most bytes out for a byte in that a stranger may see. */
  readonly factor: number;
  /** Codes that an honest client may get where strangers have the same rights as it has. */
  readonly mayRefuse: RegExp;
  readonly peer: (port: number) => HonestPeer;
}

const SCENES: readonly Scene[] = [
  {
    name: 'json, addresses validated',
    subject: ['json', 'validated'],
    factor: 3,
    mayRefuse: /^$/,
    peer: (port) => new HonestClient(port),
  },
  {
    name: 'json',
    subject: ['json'],
    factor: Infinity,
    mayRefuse: /UDP_(BUSY|OUTCOME_UNKNOWN)$/,
    peer: (port) => new HonestClient(port),
  },
  {
    name: 'raw',
    subject: ['raw'],
    factor: 3,
    mayRefuse: /^$/,
    peer: (port) => new HonestRawPeer(port),
  },
];

async function main(): Promise<void> {
  process.on('uncaughtException', (error) => fail(error, []));
  process.stdout.write(`fuzz: ${seconds} s at ${rate} datagrams a second, seed ${seed}\n`);
  const scenes = SCENES.filter(({ name }) => values.only === undefined || name === values.only);
  const eachMs = (seconds * 1000) / (scenes.length + (values.only === undefined ? 1 : 0));
  for (const scene of scenes) await attackService(scene, eachMs);
  if (values.only === undefined || values.only === 'client') await attackClient(eachMs);
}

async function attackService(
  { name, subject, factor, mayRefuse, peer }: Scene,
  forMs: number,
): Promise<void> {
  const service = await Child.start('subject.ts', subject);
  const idlers = await Idlers.start();
  const honest = peer(service.port);
  // Warm: the first requests of all kinds are compiled, and no part of the measure.
  await sleep(Math.min(1500, forMs / 4));
  await service.report<SubjectReport>();
  await idlers.stolenMs();
  const attacker = await Child.start('attacker.ts', [service.port, seed, rate]);
  const worst: Worst = { stallMs: 0, ownMs: 0, stolenMs: 0, rssBytes: 0, factor: 0 };
  let attack = await attacker.report<AttackReport>();
  let report: SubjectReport | undefined;
  try {
    const endMs = performance.now() + forMs;
    while (performance.now() < endMs) {
      await sleep(500);
      attack = await attacker.report<AttackReport>();
      report = await service.report<SubjectReport>();
      const stolenMs = await idlers.stolenMs();
      worst.rssBytes = Math.max(worst.rssBytes, report.rssBytes);
      judgeStall(report.stall, stolenMs, worst);
      judgeHeld(report, RSS_BYTES);
      worst.factor = Math.max(worst.factor, attack.worstFactor);
      if (attack.worstFactor > factor)
        throw new Broken(`${attack.worstFactor} bytes went out for each that came in`);
      judgePeer(honest, mayRefuse);
    }
    await attacker.end();
    await honest.end();
    judgePeer(honest, mayRefuse);
    // Not before: a collection that is forced, and what it leaves to do, would be stalls of our own making.
    await service.report<SubjectReport>('collect');
    judgeHeld(await service.report<SubjectReport>(), HELD_RSS_BYTES);
    if (honest.answered === 0) throw new Broken('the honest peer got no answer at all');
  } catch (error) {
    // What was thrown since the last report is what has done it, when the attacker still lives.
    const { last } = await attacker.report<AttackReport>().catch(() => attack);
    return fail(error as Error, last);
  }
  sum(name, attack.sent, honest, worst, report);
  await Promise.all([service.end(), idlers.end()]);
}

async function attackClient(forMs: number): Promise<void> {
  const server = await Child.start('hostile-server.ts', [seed]);
  const honest = new PatientClient(server.port);
  const watch = new StallWatch();
  await sleep(Math.min(1000, forMs / 4));
  watch.start();
  await sleep(forMs);
  await honest.end();
  const stall = watch.stop();
  const { heard, sent, last } = await server.report<HostileServerReport>();
  if (honest.wrong.length > 0) return fail(new Broken(honest.wrong.join('\n')), last);
  if (honest.answered === 0) return fail(new Broken('no request was ever answered'), last);
  const ends = Object.fromEntries(honest.refused);
  process.stdout.write(
    `  client of a hostile service: ${heard} datagrams heard of it, ${sent} thrown at it; ` +
      `${honest.answered} answered, ends ${JSON.stringify(ends)}; stall ${stall.wallMs.toFixed(1)} ms\n`,
  );
  await server.end();
}

/** @throws {Broken} */
function judgeStall({ wallMs, cpuMs }: Stall, stolenMs: number, worst: Worst): void {
  worst.stallMs = Math.max(worst.stallMs, wallMs);
  worst.ownMs = Math.max(worst.ownMs, cpuMs - stolenMs);
  worst.stolenMs = Math.max(worst.stolenMs, stolenMs);
  // The system counts what was stolen as time on the processor.
  if (Math.min(wallMs, cpuMs) - stolenMs <= stallMs) return;
  throw new Broken(
    `the event loop stood still for ${wallMs} ms, ${cpuMs} ms of them on a processor that was gone for ${stolenMs} ms`,
  );
}

/** @throws {Broken} */
function judgeHeld({ rssBytes, stats, polluted }: SubjectReport, mostRssBytes: number): void {
  if (polluted.length > 0) throw new Broken(`Object.prototype has ${polluted.join(', ')}`);
  const { upload, download, validation, packets, handlers } = stats;
  const {
    stored = 0,
    storedBytes = 0,
    reassemblyBytes = 0,
    peers = 0,
    streams = 0,
    undeliveredBytes = 0,
  } = packets.exchange ?? {};
  const gauges: Readonly<Record<string, readonly [number, number]>> = {
    'bytes resident': [rssBytes, mostRssBytes],
    'requests stored': [stored, 262_144 + 16_384],
    'bytes of replies stored': [storedBytes, 17 * MIB],
    'bytes in reassembly': [reassemblyBytes, 16 * MIB],
    'bytes that have not arrived': [undeliveredBytes, 64 * MIB],
    'bytes queued to leave': [upload.queuedBytes, 16 * MIB],
    'bytes queued to be read': [download.queuedBytes, 262_144],
    'peers with limits': [upload.peers + download.peers, 2 * 65_536],
    'peers with a path': [peers, 65_536],
    'proven peers': [validation?.provenPeers ?? 0, 65_536],
    'handlers that run': [handlers.running, 65_536],
    streams: [streams, 65_536],
  };
  for (const [name, [value, most]] of Object.entries(gauges)) {
    if (!(value >= 0 && value <= most)) throw new Broken(`${name}: ${value}, at most ${most} are allowed`);
  }
}

/** @throws {Broken} */
function judgePeer({ wrong, refused }: HonestPeer, mayRefuse: RegExp): void {
  if (wrong.length > 0) throw new Broken(`wrong answers: ${wrong.join('\n')}`);
  const unexpected = [...refused.keys()].filter((code) => !mayRefuse.test(code));
  if (unexpected.length > 0) throw new Broken(`an honest client was refused: ${unexpected.join(', ')}`);
}

function sum(
  name: string,
  sent: AttackReport['sent'],
  { answered, refused }: HonestPeer,
  { stallMs, ownMs, stolenMs, rssBytes, factor }: Worst,
  report: SubjectReport | undefined,
): void {
  const thrown = Object.entries(sent).map(([kind, count]) => `${count} ${kind}`);
  const drops = [report?.stats.upload.drops, report?.stats.download.drops].map((of) =>
    Object.fromEntries(Object.entries(of ?? {}).map(([reason, { datagrams }]) => [reason, datagrams])),
  );
  const refusals = refused.size === 0 ? '' : `, refused ${JSON.stringify(Object.fromEntries(refused))}`;
  process.stdout.write(
    `  ${name}: thrown ${thrown.join(', ')}; honest ${answered} answered${refusals}; ` +
      `stall ${stallMs.toFixed(1)} ms, ${ownMs.toFixed(1)} ms of it its own (processor gone for ${stolenMs.toFixed(1)} ms); ` +
      `RSS ${(rssBytes / MIB).toFixed(0)} MiB; most bytes out for one in ${factor.toFixed(2)}; ` +
      `kernel drops ${report?.stats.kernelDrops ?? 'unknown'}; drops ${JSON.stringify(drops)}\n`,
  );
}

function fail(error: Error, last: readonly string[]): void {
  mkdirSync('.cache', { recursive: true });
  const file = `.cache/fuzz-${seed}.txt`;
  writeFileSync(file, `${error.stack}\n\n${last.join('\n')}\n`);
  process.stderr.write(
    `\nFAILED: ${error.message}\nagain: npm run test:fuzz -- --seconds ${seconds} --seed ${seed}\n`,
  );
  process.stderr.write(`the last ${last.length} datagrams are in ${file}\n`);
  process.exit(1);
}

const MIB = 2 ** 20;

const TYPESCRIPT = [
  '--import',
  './test/support/ts-loader.mjs',
  '--unhandled-rejections=strict',
  '--expose-gc',
];

// Node and Nest take 90 MiB here; what a service may hold of strangers by its defaults is most of the rest, and as
// much again waits to be collected.
const RSS_BYTES = 512 * MIB;

// The same when that was collected.
const HELD_RSS_BYTES = 350 * MIB;

await main();
process.exit();
