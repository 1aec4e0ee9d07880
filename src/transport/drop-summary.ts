import type { Scheduler } from '../endpoint/scheduler.js';
import { DropCounters } from '../telemetry/drop-counters.js';
import { Minute } from './minute.js';

/**
 * Tells, in one line a minute, how many datagrams came that nobody could read or take, so that somebody hears of it
 * who does not look at figures. A minute without any says nothing, and sets no timer.
 */
export class DropSummary {
  readonly #minute: Minute;
  #drops: DropCounters | undefined;
  #isClosed = false;

  /** @param say takes the line */
  constructor(
    scheduler: Scheduler,
    private readonly say: (line: string) => void,
  ) {
    this.#minute = new Minute(scheduler, () => this.#sum());
  }

  /** @param reason as it stands in `stats().download.drops`; only those of senders that do not know us count */
  count(reason: string): void {
    if (this.#isClosed) return;
    if (!reason.startsWith(MALFORMED) && !UNKNOWN.has(reason)) return;
    if (this.#drops === undefined) {
      this.#drops = new DropCounters();
      this.#minute.begin();
      this.#minute.listen();
    }
    this.#drops.count(reason, 0);
  }

  /** Says what is still to be said, and counts no more. */
  close(): void {
    this.#isClosed = true;
    this.#minute.close();
    this.#sum();
  }

  #sum(): void {
    if (this.#drops === undefined) return;
    const reasons = Object.entries(this.#drops.snapshot()).sort(([, a], [, b]) => b.datagrams - a.datagrams);
    this.#drops = undefined;
    const said = reasons
      .slice(0, MAX_REASONS)
      .map(([reason, { datagrams }]) => `${reason.slice(0, MAX_LENGTH)} ${datagrams}`);
    if (reasons.length > MAX_REASONS) said.push(`${reasons.length - MAX_REASONS} other reasons`);
    this.say(`dropped in the last minute: ${said.join(', ')}`);
  }
}

const MALFORMED = 'malformed: ';

const UNKNOWN: ReadonlySet<string> = new Set(['no-handler', 'unknown-control', 'not-serving']);

const MAX_REASONS = 8;

// Reasons are a few words. A codec may think otherwise.
const MAX_LENGTH = 60;
