import type { DuplicateStore } from '../exchange/duplicate-store.js';
import { Watch } from './deadlines.js';
import type { ExchangeParts } from './exchange-parts.js';
import type { Served } from './served.js';
import type { ServerWords } from './server-words.js';
import type { UnprovenQuestions } from './unproven-questions.js';

/** What a serving side does by the clock: says unasked that requests run, minds leases, forgets what is old. */
export class ServedWatch {
  /** Those that came lately, linked: most are over before their time, and are let go of then. */
  #oldest: Served | undefined;
  #youngest: Served | undefined;
  readonly #youngWatch = new Watch((nowMs) => this.#announce(nowMs));
  readonly #storeWatch = new Watch((nowMs) => this.#forget(nowMs));

  #sweptMs = -Infinity;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly store: DuplicateStore<Served>,
    private readonly words: ServerWords,
    private readonly unproven: UnprovenQuestions,
  ) {}

  /** A question has come. */
  onOpen(served: Served): void {
    served.older = this.#youngest;
    if (this.#youngest === undefined) this.#oldest = served;
    else this.#youngest.younger = served;
    this.#youngest = served;
    if (this.#youngWatch.dueMs === Infinity) this.#aimYoung(served);
  }

  /** A question is over, and ages. */
  onFinished(served: Served): void {
    this.#letGo(served);
    if (this.#storeWatch.dueMs === Infinity) this.#aimStore();
  }

  /** Aims at the end of its lease, counted from the last sign of its client. */
  aimLease(served: Served): void {
    this.parts.deadlines.aim(served, served.heardMs + this.parts.limits.leaseMs);
  }

  #announce(nowMs: number): void {
    for (let head = this.#oldest; head !== undefined; head = this.#oldest) {
      if (head.arrivedMs + UNASKED_MS > nowMs) return this.#aimYoung(head);
      this.#letGo(head);
      if (head.state !== 'streaming') this.words.pending(head);
      this.aimLease(head);
    }
  }

  #letGo(served: Served): void {
    const { older, younger } = served;
    if (older === undefined && this.#oldest !== served) return;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    served.older = undefined;
    served.younger = undefined;
  }

  #forget(nowMs: number): void {
    this.store.expire(nowMs);
    this.#sweepUnproven(nowMs);
    this.#aimStore();
  }

  #sweepUnproven(nowMs: number): void {
    // It looks at all of them: not each time that something is forgotten.
    if (this.store.entries > 0 && nowMs - this.#sweptMs < SWEEP_EVERY_MS) return;
    this.#sweptMs = nowMs;
    this.unproven.sweep((served) => this.store.remembers(served));
  }

  #aimYoung({ arrivedMs }: Served): void {
    this.parts.deadlines.aim(this.#youngWatch, arrivedMs + UNASKED_MS);
  }

  #aimStore(): void {
    this.parts.deadlines.aim(this.#storeWatch, this.store.nextExpiryMs);
  }
}

const SWEEP_EVERY_MS = 1000;

// Clients wait 1 s for a first word of a server that they do not know, and less of one that they do.
const UNASKED_MS = 200;
