/** What the silence of a stream asks for. */
export type SilenceStep = 'nothing' | 'probe' | 'fail';

/**
 * How long a stream may be silent on the receiving side: from value to value as its user says, and not for longer
 * than a peer that lives would need to answer when asked.
 */
export class StreamWatch {
  #valueDeadlineMs: number;
  #heardMs = -Infinity;
  #probedMs = -Infinity;
  #isAnswerable = false;

  /** @param firstValueMs when the first value must be here */
  constructor(firstValueMs: number) {
    this.#valueDeadlineMs = firstValueMs;
  }

  /** A word of the peer; one that can be asked for more of them. */
  onHeard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#isAnswerable = true;
  }

  /** A value is here; the next one must come in time. */
  onValue(nowMs: number, timeoutMs: number): void {
    this.#heardMs = nowMs;
    this.#valueDeadlineMs = nowMs + timeoutMs;
  }

  /** What to do now. A probe counts by itself. */
  step(nowMs: number): SilenceStep {
    if (nowMs >= this.#valueDeadlineMs || nowMs >= this.#silenceEndsMs) return 'fail';
    if (nowMs < this.#nextProbeMs) return 'nothing';
    this.#probedMs = nowMs;
    return 'probe';
  }

  /** When `step` will have something to say; `Infinity` for never. */
  get nextMs(): number {
    return Math.min(this.#valueDeadlineMs, this.#nextProbeMs, this.#silenceEndsMs);
  }

  get #nextProbeMs(): number {
    return this.#isAnswerable ? Math.max(this.#heardMs, this.#probedMs) + PROBE_EVERY_MS : Infinity;
  }

  get #silenceEndsMs(): number {
    return this.#isAnswerable ? this.#heardMs + LONGEST_SILENCE_MS : Infinity;
  }
}

const PROBE_EVERY_MS = 5000;

// Six probes without an answer.
const LONGEST_SILENCE_MS = 30_000;
