/**
 * Controlled delay for one flow: drops the head now and then while datagrams stay too long, so that a sender
 * learns early and a queue that stands is not fed for ever.
 *
 * @see RFC 8289 sections 4 and 5
 */
export class CoDel {
  /** Since when the head has been too old, plus one interval; 0 when it is not. */
  #firstAboveMs = 0;
  #isDropping = false;
  #dropNextMs = 0;
  #count = 0;
  #lastCount = 0;

  /**
   * Whether a head that is about to leave is to be dropped instead; to be asked once for each.
   *
   * @param sojournMs how long it has waited
   * @param isLast nothing waits behind it: the last datagram of a flow is never dropped
   * @param targetMs delay that is accepted; see {@link codelTargetMs}
   */
  judge(sojournMs: number, isLast: boolean, targetMs: number, nowMs: number): boolean {
    const intervalMs = INTERVALS_PER_TARGET * targetMs;
    const isLate = this.#isLate(sojournMs, isLast, targetMs, intervalMs, nowMs);
    if (!this.#isDropping) return isLate && this.#startDropping(intervalMs, nowMs);
    if (!isLate) {
      this.#isDropping = false;
      return false;
    }
    if (nowMs < this.#dropNextMs) return false;
    this.#count++;
    this.#dropNextMs += intervalMs / Math.sqrt(this.#count);
    return true;
  }

  #isLate(sojournMs: number, isLast: boolean, targetMs: number, intervalMs: number, nowMs: number): boolean {
    if (sojournMs < targetMs || isLast) {
      this.#firstAboveMs = 0;
      return false;
    }
    if (this.#firstAboveMs === 0) {
      this.#firstAboveMs = nowMs + intervalMs;
      return false;
    }
    return nowMs >= this.#firstAboveMs;
  }

  #startDropping(intervalMs: number, nowMs: number): boolean {
    this.#isDropping = true;
    // Soon after it last dropped, it goes on nearly where it left off.
    const recent = this.#count - this.#lastCount;
    this.#count = recent > 1 && nowMs - this.#dropNextMs < RECENT_INTERVALS * intervalMs ? recent : 1;
    this.#dropNextMs = nowMs + intervalMs / Math.sqrt(this.#count);
    this.#lastCount = this.#count;
    return true;
  }
}

/**
 * Delay that is accepted at a rate: 5 ms, or half as much again as one frame takes where that is longer (RFC 8290
 * section 5.2.2): on a slow link even a single datagram stays longer than 5 ms.
 */
export function codelTargetMs(rateBytesPerSecond: number): number {
  return Math.max(TARGET_MS, (FRAME_TIMES * FRAME_BYTES * 1000) / rateBytesPerSecond);
}

const TARGET_MS = 5;

// 100 ms for 5 ms (RFC 8289 section 4.3); slow links keep the relation.
const INTERVALS_PER_TARGET = 20;

const RECENT_INTERVALS = 16;

const FRAME_TIMES = 1.5;

const FRAME_BYTES = 1514;
