/** Addresses that have proved themselves, until they are silent for too long or there are too many of them. */
export class ProvenPeers {
  /** When each was heard last, about; the one silent for longest first. */
  readonly #heardMs = new Map<string, number>();

  constructor(
    private readonly maxPeers: number,
    private readonly idleMs: number,
  ) {}

  has(key: string, nowMs: number): boolean {
    const heardMs = this.#heardMs.get(key);
    return heardMs !== undefined && nowMs - heardMs <= this.idleMs;
  }

  /** Notes that an address was heard. @returns whether it has proved itself */
  hear(key: string, nowMs: number): boolean {
    const heardMs = this.#heardMs.get(key);
    if (heardMs === undefined) return false;
    const silentMs = nowMs - heardMs;
    if (silentMs > this.idleMs) {
      this.#heardMs.delete(key);
      return false;
    }
    // To note each datagram would cost more than to know it exactly is worth.
    if (silentMs > this.idleMs * NOTED_PART) this.add(key, nowMs);
    return true;
  }

  add(key: string, nowMs: number): void {
    this.#heardMs.delete(key);
    for (const [oldest, heardMs] of this.#heardMs) {
      if (this.#heardMs.size < this.maxPeers && nowMs - heardMs <= this.idleMs) break;
      this.#heardMs.delete(oldest);
    }
    this.#heardMs.set(key, nowMs);
  }

  get size(): number {
    return this.#heardMs.size;
  }
}

const NOTED_PART = 1 / 8;
