import type { RttEstimator } from './rtt-estimator.js';

/** What a request has to do next, once its time has come. */
export type RequestStep = 'nothing' | 'send' | 'probe' | 'fail';

/**
 * Where a request of ours stands between its first copy and its first value, and when it must do something.
 *
 * - `waiting`: for its turn, or its datagram in our own queue: what waits there is never queued again;
 * - `sent`: a copy left, and the peer has not said a word;
 * - `held`: the peer has it and works on it: asked now and then what became of it;
 * - `refused`: the peer is busy, and said when to come back;
 * - `answered`: a value, or a piece of one, is here.
 *
 * Pure: time is an argument. Whoever owns it calls `step` when `nextMs` has come, and does what that says.
 */
export class RequestProgress {
  #phase: Phase = 'waiting';
  #attempts = 0;
  #probes = 0;
  #firstSentMs: number | undefined;
  #leftMs: number | undefined;
  #actMs = Infinity;
  /** No copy before the present one can have run. */
  #isFirst = true;
  #isNotTaken = false;

  /**
   * @param deadlineMs when the request fails without a first value; `Infinity` for never
   * @param random numbers in [0, 1): jitter, so that clients do not send in step
   */
  constructor(
    private readonly rtt: RttEstimator,
    readonly deadlineMs: number,
    private readonly random: () => number,
  ) {}

  /** Another copy is handed to our own queue. @returns its number, from 1 */
  onQueued(): number {
    this.#phase = 'waiting';
    this.#actMs = Infinity;
    this.#leftMs = undefined;
    this.#isFirst = this.#attempts === 0 || this.#isNotTaken;
    this.#isNotTaken = false;
    return ++this.#attempts;
  }

  /** The copy left; the timer starts. */
  onLeft(nowMs: number): void {
    this.#firstSentMs ??= nowMs;
    this.#leftMs = nowMs;
    if (this.#phase !== 'waiting') return;
    this.#phase = 'sent';
    this.#actMs = nowMs + this.#jittered(this.rtt.backedOffMs(this.#attempts));
  }

  /** The first measurement of the path is here: a timer that ran without one is aimed anew. */
  onFirstSample(nowMs: number): void {
    if (this.#phase !== 'sent' || this.#leftMs === undefined) return;
    const waitMs = this.#jittered(this.rtt.backedOffMs(this.#attempts));
    this.#actMs = Math.min(this.#actMs, Math.max(nowMs, this.#leftMs + waitMs));
  }

  /** The peer has the request. @param waitMs what it takes at the least, as the peer says */
  onPending(waitMs: number, nowMs: number): void {
    if (this.#phase === 'answered') return;
    if (this.#phase !== 'held') {
      this.#phase = 'held';
      this.#probes = 0;
    }
    this.#actMs = nowMs + Math.max(this.#probeDelayMs(), Math.min(waitMs, MAX_PROBE_DELAY_MS));
  }

  /** The peer refuses for now. @param retryAfterMs when it may be asked again, as the peer says */
  onBusy(retryAfterMs: number, nowMs: number): void {
    if (this.#phase === 'answered') return;
    this.#phase = 'refused';
    const leastMs = Math.max(retryAfterMs, this.rtt.backedOffMs(this.#attempts));
    this.#actMs = nowMs + this.#jittered(Math.min(leastMs, MAX_RETRY_AFTER_MS));
  }

  /** The peer has not taken the copy, and will take the next one. */
  onNotTaken(nowMs: number): void {
    if (this.#phase === 'answered' || this.#phase === 'waiting') return;
    this.#phase = 'refused';
    this.#actMs = nowMs;
    if (!this.#isFirst) return;
    this.#isNotTaken = true;
    this.#firstSentMs = undefined;
  }

  /** A value is here, or a piece of one. */
  onAnswered(): void {
    this.#phase = 'answered';
    this.#actMs = Infinity;
  }

  /** What to do now. To be followed by {@link onQueued} for `send`; a probe counts by itself. */
  step(nowMs: number): RequestStep {
    if (nowMs >= this.deadlineMs) return 'fail';
    if (nowMs < this.#actMs) return 'nothing';
    if (this.#phase === 'held') {
      this.#probes++;
      this.#actMs = nowMs + this.#probeDelayMs();
      return 'probe';
    }
    return this.#phase === 'sent' || this.#phase === 'refused' ? 'send' : 'nothing';
  }

  /**
   * Milliseconds that a copy and its answer travelled; `undefined` when that cannot be told: the answer is to
   * an earlier copy (Karn's rule).
   *
   * @param attempt the copy that the peer answered
   * @param heldMs what the peer kept it for
   */
  rttOf(attempt: number, heldMs: number, receivedAtMs: number): number | undefined {
    if (attempt !== this.#attempts || this.#leftMs === undefined) return undefined;
    return Math.max(0, receivedAtMs - this.#leftMs - heldMs);
  }

  /** When `step` will have something to say; `Infinity` for never. */
  get nextMs(): number {
    return Math.min(this.deadlineMs, this.#actMs);
  }

  /** Copies so far. */
  get attempts(): number {
    return this.#attempts;
  }

  get isHeld(): boolean {
    return this.#phase === 'held';
  }

  get isAnswered(): boolean {
    return this.#phase === 'answered';
  }

  get isRefused(): boolean {
    return this.#phase === 'refused';
  }

  /** Milliseconds since the first copy left that may have run, 1 or more; 0 when none has before the present one. */
  ageMs(nowMs: number): number {
    return this.#isFirst ? 0 : Math.max(1, nowMs - (this.#firstSentMs ?? nowMs));
  }

  #probeDelayMs(): number {
    const firstMs = Math.max(FIRST_PROBE_DELAY_MS, this.rtt.timeoutMs);
    return this.#jittered(Math.min(MAX_PROBE_DELAY_MS, firstMs * 2 ** Math.min(this.#probes, 8)));
  }

  /** Later by up to an eighth, never earlier. */
  #jittered(delayMs: number): number {
    return delayMs * (1 + JITTER * this.random());
  }
}

type Phase = 'waiting' | 'sent' | 'held' | 'refused' | 'answered';

const JITTER = 1 / 8;

const FIRST_PROBE_DELAY_MS = 500;

// RFC 8085 section 3.1.1: at most one datagram in 3 s to a peer that says nothing.
const MAX_PROBE_DELAY_MS = 4000;

// A peer must not be able to silence a client for good.
const MAX_RETRY_AFTER_MS = 60_000;
