/**
 * How many bytes of segments may be under way to one peer: NewReno.
 *
 * Shared by all runs to that peer. What the receiver has room for is another bound, kept by each run.
 *
 * @see RFC 9002 section 7 and appendix B
 */
export class CongestionWindow {
  #bytes: number;
  #thresholdBytes = Infinity;
  #underWayBytes = 0;
  /** Losses of segments that left before this instant belong to an event that was answered already. */
  #recoveryStartMs = -Infinity;

  /** @param datagramBytes the largest datagram, the unit in which the window grows */
  constructor(private readonly datagramBytes: number) {
    this.#bytes = INITIAL_DATAGRAMS * datagramBytes;
  }

  /** Whether a segment may leave now. One may always be under way, or small windows would never send it. */
  hasRoomFor(bytes: number): boolean {
    return this.#underWayBytes === 0 || this.#underWayBytes + bytes <= this.#bytes;
  }

  onSent(bytes: number): void {
    this.#underWayBytes += bytes;
  }

  /** Segments arrived that were handed out at `sentMs`. */
  onAcked(bytes: number, sentMs: number): void {
    // A sender that did not use its window has learned nothing about a larger one (RFC 9002 section 7.8).
    const wasUsed = 2 * this.#underWayBytes >= this.#bytes || this.#isNearlyFull;
    this.#underWayBytes = Math.max(0, this.#underWayBytes - bytes);
    if (!wasUsed || sentMs <= this.#recoveryStartMs) return;
    if (this.#bytes < this.#thresholdBytes) this.#bytes += bytes;
    else this.#bytes += (this.datagramBytes * bytes) / this.#bytes;
    this.#bytes = Math.min(this.#bytes, MAX_DATAGRAMS * this.datagramBytes);
  }

  /** Segments were lost that were handed out at `sentMs`: the window halves, once for all losses of a round. */
  onLost(bytes: number, sentMs: number, nowMs: number): void {
    this.onGone(bytes);
    if (sentMs <= this.#recoveryStartMs) return;
    this.#recoveryStartMs = nowMs;
    this.#thresholdBytes = Math.max(this.#bytes / 2, this.#leastBytes);
    this.#bytes = this.#thresholdBytes;
  }

  /** Segments are no longer under way, and nothing follows from it: they were given up. */
  onGone(bytes: number): void {
    this.#underWayBytes = Math.max(0, this.#underWayBytes - bytes);
  }

  /** Nothing came back for several time-outs: start anew with the smallest window (RFC 9002 section 7.6). */
  collapse(): void {
    this.#thresholdBytes = Math.max(this.#bytes / 2, this.#leastBytes);
    this.#bytes = this.#leastBytes;
    this.#recoveryStartMs = -Infinity;
  }

  /** Bytes that may be under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that are under way. */
  get underWayBytes(): number {
    return this.#underWayBytes;
  }

  get #isNearlyFull(): boolean {
    return this.#underWayBytes + 2 * this.datagramBytes > this.#bytes;
  }

  get #leastBytes(): number {
    return LEAST_DATAGRAMS * this.datagramBytes;
  }
}

const INITIAL_DATAGRAMS = 10;

const LEAST_DATAGRAMS = 2;

// Beyond what acknowledgements can describe, growth would mean nothing.
const MAX_DATAGRAMS = 1024;
