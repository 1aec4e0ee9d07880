import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, lastValueFrom, Subject, takeUntil, tap } from 'rxjs';
import { ThrottledUdpClient } from 'nestjs-throttled-udp';

/** What a client does. */
export interface Habits {
  readonly name: string;
  readonly linesPerSecond: number;
  readonly queriesPerSecond: number;
  /** Exports that it asks for at a time, again and again. */
  readonly exports: number;
}

/** Logs lines, asks for the last of them, exports all of them, and counts what became of it. */
export class LogClient {
  linesSent = 0;
  bytesExported = 0;
  /** Milliseconds that each query took; `Infinity` for one that nobody answered in time. */
  readonly queryTimesMs: number[] = [];
  readonly #client: ThrottledUdpClient;
  readonly #stopped = new Subject<void>();
  #isStopped = false;
  readonly #work: Promise<void>[] = [];

  constructor(
    private readonly habits: Habits,
    port: number,
  ) {
    this.#client = new ThrottledUdpClient({ localHost: '127.0.0.1', port, timeout: QUERY_TIMEOUT_MS });
  }

  /** @returns the key by which the server knows it */
  async start(): Promise<string> {
    await this.#client.connect();
    const { name, linesPerSecond, queriesPerSecond, exports } = this.habits;
    const line = `${name}: ${'lorem ipsum '.repeat(12)}`;
    this.#work.push(
      this.#repeat(linesPerSecond, () => this.#log(line)),
      this.#repeat(queriesPerSecond, () => void this.#work.push(this.#query())),
      ...Array.from({ length: exports }, () => this.#keepExporting()),
    );
    const { address, port } = this.#client.stats().address ?? { address: '', port: 0 };
    return `${address}:${port}`;
  }

  /** Asks for nothing more, and waits for what it has asked. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopped.next();
    // Queries join the work while others of it end.
    while (this.#work.length > 0) await Promise.all(this.#work.splice(0));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #repeat(perSecond: number, task: () => void): Promise<void> {
    let doneUntil = performance.now();
    for (; !this.#isStopped; await sleep(TICK_MS)) {
      // What a stalled process has missed is not made up: the burst would find no room in the kernel.
      doneUntil = Math.max(doneUntil, performance.now() - LONGEST_MISS_MS);
      for (; doneUntil < performance.now(); doneUntil += 1000 / perSecond) task();
    }
  }

  #log(line: string): void {
    this.linesSent++;
    this.#client.emit('line', line);
  }

  async #query(): Promise<void> {
    const askedAt = performance.now();
    try {
      await firstValueFrom(this.#client.send<string[]>('tail', 3));
      this.queryTimesMs.push(performance.now() - askedAt);
    } catch {
      this.queryTimesMs.push(Infinity);
    }
  }

  async #keepExporting(): Promise<void> {
    while (!this.#isStopped) await Promise.all([this.#export(), sleep(100)]);
  }

  /** Takes all pages, or those that come until it stops. */
  async #export(): Promise<void> {
    const pages = this.#client.send<string[]>('export', {}).pipe(
      takeUntil(this.#stopped),
      tap((lines) => (this.bytesExported += lines.join('').length)),
    );
    // The server may be too busy to answer at all: then it asks again.
    await lastValueFrom(pages, { defaultValue: [] }).catch(() => []);
  }
}

/** How long a query waits for its answer. */
export const QUERY_TIMEOUT_MS = 1000;

const TICK_MS = 10;

const LONGEST_MISS_MS = 40;
