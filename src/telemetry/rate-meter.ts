/** Tells how many bytes came in the last seconds. */
export class RateMeter {
  readonly #slots = new Float64Array(SLOTS);
  #slot = -1;

  /** @param nowMs monotonic milliseconds */
  add(bytes: number, nowMs: number): void {
    this.#turnTo(nowMs);
    this.#slots[this.#slot % SLOTS]! += bytes;
  }

  /**
   * Bytes per second over the last whole tenths of a second.
   *
   * @param windowMs a multiple of 100, up to 10000
   */
  bytesPerSecond(windowMs: number, nowMs: number): number {
    this.#turnTo(nowMs);
    let sum = 0;
    for (let back = 1; back <= windowMs / SLOT_MS; back++) {
      sum += this.#slots[(this.#slot - back + SLOTS) % SLOTS] ?? 0;
    }
    return (sum * 1000) / windowMs;
  }

  #turnTo(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS) + SLOTS;
    if (slot <= this.#slot) return;
    const stale = Math.min(SLOTS, this.#slot < 0 ? SLOTS : slot - this.#slot);
    for (let ahead = 0; ahead < stale; ahead++) this.#slots[(slot - ahead) % SLOTS] = 0;
    this.#slot = slot;
  }
}

const SLOT_MS = 100;

// Ten seconds of whole slots, and the one that is being filled.
const SLOTS = 101;
