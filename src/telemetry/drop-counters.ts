/** How much was dropped for one reason. */
export interface DropCount {
  readonly datagrams: number;
  readonly bytes: number;
}

/** Counts what was dropped, by reason. */
export class DropCounters {
  readonly #byReason = new Map<string, { datagrams: number; bytes: number }>();

  /** @param reason a few fixed words; past 64 different ones, further reasons count as `other` */
  count(reason: string, bytes: number): void {
    let entry = this.#byReason.get(reason);
    if (entry === undefined) {
      if (this.#byReason.size >= MAX_REASONS && reason !== OTHER) return this.count(OTHER, bytes);
      entry = { datagrams: 0, bytes: 0 };
      this.#byReason.set(reason, entry);
    }
    entry.datagrams++;
    entry.bytes += bytes;
  }

  snapshot(): Readonly<Record<string, DropCount>> {
    return Object.freeze(
      Object.fromEntries([...this.#byReason].map(([reason, count]) => [reason, Object.freeze({ ...count })])),
    );
  }
}

const MAX_REASONS = 64;

const OTHER = 'other';
