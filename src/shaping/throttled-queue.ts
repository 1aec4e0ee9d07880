import type { Bandwidth } from './bandwidth.options.js';
import { DatagramQueue, type Queueable } from './datagram-queue.js';
import type { QueueLimits } from './queue.options.js';
import { TokenBucket } from './token-bucket.js';

/**
 * What became of a datagram that was offered:
 * - `pass`: it conforms, its bytes are taken, let it go now;
 * - `queued`: it will come out of `release` or `expire` later;
 * - `overflow`: refused, the queue holds its maximum;
 * - `expired`: refused, it could not leave within its time behind the present backlog;
 * - `exceeded`: refused, it does not conform and nothing is held.
 */
export type Verdict = 'pass' | 'queued' | 'overflow' | 'expired' | 'exceeded';

/**
 * One bounded first-in first-out queue in front of one token bucket.
 *
 * Pure: whoever owns it calls `release` when `nextEventMs` says so. The head is never skipped for a smaller
 * datagram, so large ones do not starve.
 */
export class ThrottledQueue<T extends Queueable> {
  readonly #bucket: TokenBucket;
  readonly #queue = new DatagramQueue<T>();

  constructor(
    bandwidth: Bandwidth,
    private readonly limits: QueueLimits,
    nowMs: number,
  ) {
    this.#bucket = new TokenBucket(bandwidth, nowMs);
  }

  /** @throws {RangeError} `item.bytes` is negative or not a number */
  offer(item: T, nowMs: number): Verdict {
    if (this.tryPass(item, nowMs)) return 'pass';
    if (!(item.bytes >= 0)) throw new RangeError(`bytes must be 0 or more, got ${item.bytes}`);
    if (this.#isFullFor(item)) return 'overflow';
    if (this.#wouldExpire(item, nowMs)) return 'expired';
    this.#queue.push(item, nowMs);
    return 'queued';
  }

  /** The next datagram that may go now, its bytes taken; `undefined` when none may. */
  release(nowMs: number): T | undefined {
    const head = this.#queue.peek();
    if (head === undefined || !this.#bucket.tryTake(head.bytes, nowMs)) return undefined;
    return this.#queue.shift();
  }

  /** The next datagram whose time is up, taken out; `undefined` when there is none. */
  expire(nowMs: number): T | undefined {
    const head = this.#queue.peek();
    if (head === undefined || nowMs - head.queuedAtMs <= this.limits.maxAgeMs) return undefined;
    return this.#queue.shift();
  }

  /** Takes out the head, whatever the limit says: for closing. */
  discard(): T | undefined {
    return this.#queue.shift();
  }

  /** When `release` or `expire` will next have something, monotonic milliseconds; `Infinity` when never. */
  nextEventMs(nowMs: number): number {
    const head = this.#queue.peek();
    if (head === undefined) return Infinity;
    const releaseMs = nowMs + this.#bucket.delayFor(head.bytes, nowMs);
    // One millisecond past the limit, for `expire` takes only what is older than it.
    return Math.min(releaseMs, head.queuedAtMs + this.limits.maxAgeMs + 1);
  }

  /**
   * How many datagrams one turn of the event loop should release at the most: about 2 ms of the rate, so that
   * a fast limit does not hold up everything else in the process.
   */
  get batchSize(): number {
    const head = this.#queue.peek();
    if (head === undefined) return 1;
    const datagrams = (this.#bucket.bandwidth.rateBytesPerSecond * BATCH_SECONDS) / Math.max(1, head.bytes);
    return Math.min(MAX_BATCH, Math.max(1, Math.ceil(datagrams)));
  }

  /**
   * How much later than `nextEventMs` the head may be released without losing rate: until the bucket is full.
   *
   * @returns milliseconds; 0 when the head is as large as the burst, `Infinity` when nothing waits
   */
  get latenessAllowedMs(): number {
    const head = this.#queue.peek();
    const { burstBytes, bandwidth } = this.#bucket;
    if (head === undefined || burstBytes === Infinity) return Infinity;
    return ((burstBytes - Math.min(head.bytes, burstBytes)) * 1000) / bandwidth.rateBytesPerSecond;
  }

  setBandwidth(bandwidth: Bandwidth, nowMs: number): void {
    this.#bucket.setBandwidth(bandwidth, nowMs);
  }

  pause(nowMs: number): void {
    this.#bucket.pause(nowMs);
  }

  resume(nowMs: number): void {
    this.#bucket.resume(nowMs);
  }

  get bandwidth(): Bandwidth {
    return this.#bucket.bandwidth;
  }

  get paused(): boolean {
    return this.#bucket.paused;
  }

  get burstBytes(): number {
    return this.#bucket.burstBytes;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  get queuedDatagrams(): number {
    return this.#queue.length;
  }

  get queueLimits(): QueueLimits {
    return this.limits;
  }

  /** Milliseconds that the oldest datagram has waited; 0 when none waits. */
  headAgeMs(nowMs: number): number {
    const head = this.#queue.peek();
    return head === undefined ? 0 : Math.max(0, nowMs - head.queuedAtMs);
  }

  /** Bytes that could pass now; negative while in debt. */
  tokens(nowMs: number): number {
    this.#bucket.advance(nowMs);
    return this.#bucket.tokens;
  }

  /** Takes the bytes of a datagram that finds nobody before it and conforms. */
  protected tryPass(item: T, nowMs: number): boolean {
    return this.#queue.length === 0 && this.#bucket.tryTake(item.bytes, nowMs);
  }

  #isFullFor(item: T): boolean {
    const share = item.isUrgent === true ? 1 + RESERVE : 1;
    const { maxBytes, maxDatagrams } = this.limits;
    return (
      this.#queue.bytes + item.bytes > share * maxBytes ||
      this.#queue.length >= Math.ceil(share * maxDatagrams)
    );
  }

  #wouldExpire(item: T, nowMs: number): boolean {
    // A pause has no known end: what waits then is dropped when its time is up, not before.
    if (this.#bucket.paused) return false;
    return this.#bucket.delayBehind(this.#queue.bytes, item.bytes, nowMs) > this.limits.maxAgeMs;
  }
}

// What short errors may take beyond the bounds: a full queue must be able to say that it is full.
const RESERVE = 1 / 8;

const BATCH_SECONDS = 0.002;

const MAX_BATCH = 256;
