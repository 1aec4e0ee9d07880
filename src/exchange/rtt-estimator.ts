/**
 * How long a datagram and its answer travel, and how long to wait for an answer before sending again.
 *
 * @see RFC 6298, with a floor of 50 ms and a cap of 4 s
 */
export class RttEstimator {
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #latestMs = 0;

  /**
   * Takes a measurement. Only of a datagram whose answer says which copy it answers (Karn's rule).
   *
   * @param rttMs 0 or more; anything else is no measurement
   * @returns whether it was the first one
   */
  sample(rttMs: number): boolean {
    if (!(rttMs >= 0)) return false;
    this.#latestMs = rttMs;
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = rttMs;
      this.#variationMs = rttMs / 2;
      return true;
    }
    this.#variationMs += (Math.abs(this.#smoothedMs - rttMs) - this.#variationMs) / 4;
    this.#smoothedMs += (rttMs - this.#smoothedMs) / 8;
    return false;
  }

  /** Milliseconds until an answer counts as missing: 1000 before the first measurement. */
  get timeoutMs(): number {
    if (this.#smoothedMs === undefined) return INITIAL_TIMEOUT_MS;
    const timeoutMs = this.#smoothedMs + Math.max(CLOCK_GRANULARITY_MS, 4 * this.#variationMs);
    return Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, timeoutMs));
  }

  /** As {@link timeoutMs} after so many attempts without an answer: doubled for each but the first, and capped. */
  backedOffMs(attempts: number): number {
    return Math.min(MAX_TIMEOUT_MS, this.timeoutMs * 2 ** Math.min(attempts - 1, MAX_DOUBLINGS));
  }

  /** The larger of the smoothed and the latest measurement; `undefined` before the first one. */
  get recentMs(): number | undefined {
    return this.#smoothedMs === undefined ? undefined : Math.max(this.#smoothedMs, this.#latestMs);
  }

  /** Smoothed milliseconds there and back; `undefined` before the first measurement. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }
}

const INITIAL_TIMEOUT_MS = 1000;

// RFC 6298 asks for 1 s, for TCP over the Internet of its time; TCP on Linux uses 200 ms, QUIC no floor at all.
const MIN_TIMEOUT_MS = 50;

const MAX_TIMEOUT_MS = 4000;

const CLOCK_GRANULARITY_MS = 1;

const MAX_DOUBLINGS = 16;
