import type { Bandwidth } from './bandwidth.options.js';

/**
 * A token bucket whose unit is one byte, with debt.
 *
 * A datagram conforms when the bucket holds `min(size, burst)`; it is then debited whole. One larger than the
 * burst leaves the bucket below zero, and the rate pays that debt before anything else conforms. So over any
 * window, at debit instants, `bytes <= rate * t + max(burst, largest datagram)`.
 *
 * Pure: time is an argument, monotonic milliseconds. A clock that steps back adds nothing, and what it stepped
 * back is not paid twice.
 *
 * @see RFC 2697 section 3 (metering)
 */
export class TokenBucket {
  #shape: BucketShape;
  #tokens: number;
  #lastMs: number;
  #paused = false;

  /** Starts full. */
  constructor(bandwidth: Bandwidth, nowMs: number) {
    this.#shape = shapeOf(bandwidth);
    this.#lastMs = nowMs;
    this.#tokens = this.#shape.burstBytes;
  }

  /** Adds what the rate has brought since the last call, up to the burst. */
  advance(nowMs: number): void {
    if (nowMs <= this.#lastMs) return;
    const { bytesPerMs, burstBytes } = this.#shape;
    if (!this.#paused && bytesPerMs !== Infinity) {
      this.#tokens = Math.min(burstBytes, this.#tokens + (nowMs - this.#lastMs) * bytesPerMs);
    }
    this.#lastMs = nowMs;
  }

  /**
   * Time until a datagram conforms. Takes nothing from the bucket.
   *
   * @param bytes cost of the datagram; more than the burst leaves a debt when it is taken
   * @param nowMs monotonic milliseconds; an earlier value adds no tokens
   * @returns milliseconds to wait from `nowMs` on; 0 when the datagram conforms now; `Infinity` while paused
   * @throws {RangeError} `bytes` is negative or not a number
   */
  delayFor(bytes: number, nowMs: number): number {
    if (!(bytes >= 0)) throw new RangeError(`bytes must be 0 or more, got ${bytes}`);
    this.advance(nowMs);
    if (this.#paused) return Infinity;
    return this.#timeToGather(Math.min(bytes, this.#shape.burstBytes) - this.#tokens, nowMs);
  }

  /**
   * Takes a datagram's bytes if it conforms.
   *
   * @returns whether the bytes were taken
   * @throws {RangeError} `bytes` is negative or not a number
   */
  tryTake(bytes: number, nowMs: number): boolean {
    if (this.delayFor(bytes, nowMs) > 0) return false;
    this.debit(bytes);
    return true;
  }

  /** Makes it what another bucket of the same bandwidth had come to. */
  restore(tokens: number, lastMs: number): void {
    this.#tokens = tokens;
    this.#lastMs = lastMs;
  }

  /** Takes bytes without asking: for a datagram that has been found to conform at this instant. */
  debit(bytes: number): void {
    if (this.#shape.bytesPerMs !== Infinity) this.#tokens -= bytes;
  }

  /**
   * Time until `bytes` queued bytes have been taken and one more datagram conforms: what the last in a queue
   * waits at the present rate.
   *
   * @returns milliseconds; `Infinity` while paused
   */
  delayBehind(queuedBytes: number, bytes: number, nowMs: number): number {
    this.advance(nowMs);
    if (this.#paused) return Infinity;
    return this.#timeToGather(queuedBytes + Math.min(bytes, this.#shape.burstBytes) - this.#tokens, nowMs);
  }

  /**
   * Changes the limit from this instant on. The past is paid at the old rate, a debt stays, and tokens above
   * the new burst are lost. A limit that begins or ends starts with a full bucket: an unlimited rate pays any
   * debt at once.
   */
  setBandwidth(bandwidth: Bandwidth, nowMs: number): void {
    this.advance(nowMs);
    const before = this.#shape;
    this.#shape = shapeOf(bandwidth);
    const { bytesPerMs, burstBytes } = this.#shape;
    const startsFull = before.bytesPerMs === Infinity || bytesPerMs === Infinity;
    this.#tokens = startsFull ? burstBytes : Math.min(this.#tokens, burstBytes);
  }

  /** Nothing conforms and no credit grows until {@link resume}. */
  pause(nowMs: number): void {
    this.advance(nowMs);
    this.#paused = true;
  }

  resume(nowMs: number): void {
    this.advance(nowMs);
    this.#paused = false;
  }

  /** Bytes that the burst would cut off if the clock were read now: what a queue has lost by being late. */
  spilledBytes(nowMs: number): number {
    const { bytesPerMs, burstBytes } = this.#shape;
    if (this.#paused || bytesPerMs === Infinity || nowMs <= this.#lastMs) return 0;
    return Math.max(0, this.#tokens + (nowMs - this.#lastMs) * bytesPerMs - burstBytes);
  }

  /** Whether it is full and runs: a new bucket in its place would be no different. */
  isAsNew(nowMs: number): boolean {
    this.advance(nowMs);
    return !this.#paused && this.#tokens >= this.#shape.burstBytes;
  }

  /** The latest time it was told. */
  get lastMs(): number {
    return this.#lastMs;
  }

  get bandwidth(): Bandwidth {
    return this.#shape.bandwidth;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Bytes; `Infinity` when unlimited. */
  get burstBytes(): number {
    return this.#shape.burstBytes;
  }

  /** Bytes that may pass as of the last call that told the time; negative while in debt. */
  get tokens(): number {
    return this.#tokens;
  }

  #timeToGather(missingBytes: number, nowMs: number): number {
    if (missingBytes <= ROUNDING_BYTES) return 0;
    const waitMs = missingBytes / this.#shape.bytesPerMs;
    // Shorter than the clock can show: whoever waited for it would find the clock where it was, and wait again.
    if (waitMs <= nowMs * Number.EPSILON) return 0;
    // A clock that stepped back must first come to where it has been.
    return waitMs + (this.#lastMs - nowMs);
  }
}

/** What follows from a bandwidth. Buckets of one bandwidth share it: there may be one for each of many peers. */
interface BucketShape {
  readonly bandwidth: Bandwidth;
  /** `Infinity` when unlimited. */
  readonly bytesPerMs: number;
  readonly burstBytes: number;
}

function shapeOf(bandwidth: Bandwidth): BucketShape {
  let shape = SHAPES.get(bandwidth);
  if (shape === undefined) {
    const { rateBytesPerSecond, burstBytes, burstTimeMs } = bandwidth;
    const bytesPerMs = rateBytesPerSecond / 1000;
    const burst = rateBytesPerSecond === Infinity ? Infinity : (burstBytes ?? bytesPerMs * burstTimeMs);
    shape = { bandwidth, bytesPerMs, burstBytes: burst };
    SHAPES.set(bandwidth, shape);
  }
  return shape;
}

const SHAPES = new WeakMap<Bandwidth, BucketShape>();

// Float64 sums of bytes are off by far less than this; without it a datagram would be found one rounding
// error short at the very instant computed for it.
const ROUNDING_BYTES = 1e-6;
