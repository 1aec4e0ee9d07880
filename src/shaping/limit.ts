import type { Bandwidth } from './bandwidth.options.js';
import type { Lot } from './parking.js';
import { TokenBucket } from './token-bucket.js';

/**
 * One limit on the path of a datagram: of the transport, of a peer, or of a handler. A bucket, and a second one
 * where bursts are spread by a `peakRate`: a datagram conforms when it conforms to both.
 */
export class Limit {
  /** The flows that wait for this limit; written by {@link Parking} alone. */
  lot: Lot | undefined;
  readonly #bucket: TokenBucket;
  #peak: TokenBucket | undefined;

  /** Starts full. */
  constructor(bandwidth: Bandwidth, nowMs: number) {
    this.#bucket = new TokenBucket(bandwidth, nowMs);
    this.#peak = bandwidth.peak === undefined ? undefined : new TokenBucket(bandwidth.peak, nowMs);
  }

  /** Takes the bytes of a datagram if it conforms. @returns whether it did */
  tryTake(bytes: number, nowMs: number): boolean {
    if (!this.conforms(bytes, nowMs)) return false;
    this.debit(bytes);
    return true;
  }

  /** Makes it what another limit of the same bandwidth had come to, by {@link lastTokens} and the others. */
  restore(tokens: number, peakTokens: number, lastMs: number): void {
    this.#bucket.restore(tokens, lastMs);
    this.#peak?.restore(peakTokens, lastMs);
  }

  /** Takes the bytes of a datagram that has been found to conform on its whole path. */
  debit(bytes: number): void {
    this.#bucket.debit(bytes);
    this.#peak?.debit(bytes);
  }

  /** See {@link TokenBucket.setBandwidth}. */
  setBandwidth(bandwidth: Bandwidth, nowMs: number): void {
    this.#bucket.setBandwidth(bandwidth, nowMs);
    const { peak } = bandwidth;
    if (peak === undefined) this.#peak = undefined;
    else if (this.#peak === undefined) this.#peak = new TokenBucket(peak, nowMs);
    else this.#peak.setBandwidth(peak, nowMs);
  }

  pause(nowMs: number): void {
    this.#bucket.pause(nowMs);
  }

  resume(nowMs: number): void {
    this.#bucket.resume(nowMs);
  }

  /** Whether a datagram may pass now. @throws {RangeError} `bytes` is negative or not a number */
  conforms(bytes: number, nowMs: number): boolean {
    return this.delayFor(bytes, nowMs) <= 0;
  }

  /** Milliseconds until a datagram conforms; see {@link TokenBucket.delayFor}. */
  delayFor(bytes: number, nowMs: number): number {
    const delayMs = this.#bucket.delayFor(bytes, nowMs);
    return this.#peak === undefined ? delayMs : Math.max(delayMs, this.#peak.delayFor(bytes, nowMs));
  }

  /** Milliseconds until it conforms behind others that wait; see {@link TokenBucket.delayBehind}. */
  delayBehind(queuedBytes: number, bytes: number, nowMs: number): number {
    const delayMs = this.#bucket.delayBehind(queuedBytes, bytes, nowMs);
    return this.#peak === undefined
      ? delayMs
      : Math.max(delayMs, this.#peak.delayBehind(queuedBytes, bytes, nowMs));
  }

  /**
   * How much later than its instant a datagram may go without loss of rate: until the bucket is full.
   *
   * @returns milliseconds; 0 when the datagram is as large as the burst, `Infinity` without a limit
   */
  latenessAllowedMs(bytes: number): number {
    const { burstBytes, bandwidth } = this.#bucket;
    if (burstBytes === Infinity) return Infinity;
    return ((burstBytes - Math.min(bytes, burstBytes)) * 1000) / bandwidth.rateBytesPerSecond;
  }

  /** Bytes that are lost when the clock is read only now; see {@link TokenBucket.spilledBytes}. */
  spilledBytes(nowMs: number): number {
    return this.#bucket.spilledBytes(nowMs);
  }

  /** Bytes that may pass now; negative while in debt, `Infinity` when unlimited. */
  tokens(nowMs: number): number {
    this.#bucket.advance(nowMs);
    return this.#bucket.tokens;
  }

  /** Whether a new limit in its place would be no different. */
  isAsNew(nowMs: number): boolean {
    return this.#bucket.isAsNew(nowMs) && (this.#peak === undefined || this.#peak.isAsNew(nowMs));
  }

  get bandwidth(): Bandwidth {
    return this.#bucket.bandwidth;
  }

  get rateBytesPerSecond(): number {
    return this.#bucket.bandwidth.rateBytesPerSecond;
  }

  get isUnlimited(): boolean {
    return this.#bucket.burstBytes === Infinity && this.#peak === undefined && !this.#bucket.paused;
  }

  get burstBytes(): number {
    return this.#bucket.burstBytes;
  }

  get paused(): boolean {
    return this.#bucket.paused;
  }

  /** When it was last asked, monotonic milliseconds. */
  get lastAskedMs(): number {
    return this.#bucket.lastMs;
  }

  /** Bytes that could pass then. */
  get lastTokens(): number {
    return this.#bucket.tokens;
  }

  /** The same by its `peakRate`; 0 without one. */
  get lastPeakTokens(): number {
    this.#peak?.advance(this.#bucket.lastMs);
    return this.#peak?.tokens ?? 0;
  }
}

/** The limit of one handler's replies, which all peers share. */
export class HandlerLimit extends Limit {
  /** Bytes that wait behind it. */
  queuedBytes = 0;
}
