import { hashOfText } from '../common/text-hash.js';

/**
 * What addresses that have not proved themselves may still be sent: so many times the bytes that they have sent.
 * So nobody can use this machine to flood another one whose address is forged (RFC 9000 section 8.1).
 *
 * Kept in fixed memory, by hash of the address: of two that share a slot the later one has it, and begins with
 * nothing but its own bytes. What is forgotten that way can only be sent less.
 */
export class AmplificationLedger {
  readonly #owners: (string | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** Bytes that may be sent. */
  readonly #creditBytes = new Float64Array(SLOTS);
  /** When the owner was last asked to prove itself, monotonic milliseconds. */
  readonly #askedMs = new Float64Array(SLOTS);

  /**
   * @param factor bytes that may be sent for each byte that came, above 0
   * @param seed 32 random bits, so that nobody can choose whose slot to take
   */
  constructor(
    readonly factor: number,
    private readonly seed: number,
  ) {}

  /** A datagram has come. @param key one text for each address and port */
  received(key: string, bytes: number): void {
    const slot = this.#slotOf(key);
    if (this.#owners[slot] !== key) {
      this.#owners[slot] = key;
      this.#creditBytes[slot] = 0;
      this.#askedMs[slot] = -Infinity;
    }
    this.#creditBytes[slot] = (this.#creditBytes[slot] as number) + this.factor * bytes;
  }

  /** Takes what a datagram to an address costs. @returns false when it has not sent enough: nothing is taken */
  tryTake(key: string, bytes: number): boolean {
    const slot = this.#slotOf(key);
    const credit = this.#creditBytes[slot] as number;
    if (this.#owners[slot] !== key || credit < bytes) return false;
    this.#creditBytes[slot] = credit - bytes;
    return true;
  }

  /** Whether an address was not asked to prove itself for some time; if so, it counts as asked now. */
  tryAsk(key: string, nowMs: number): boolean {
    const slot = this.#slotOf(key);
    if (this.#owners[slot] !== key || nowMs - (this.#askedMs[slot] as number) < ASK_EVERY_MS) return false;
    this.#askedMs[slot] = nowMs;
    return true;
  }

  #slotOf(key: string): number {
    return hashOfText(key, this.seed) % SLOTS;
  }
}

// About 1 MB, mostly for the addresses as text.
const SLOTS = 8192;

// A burst of requests is asked once; one whose challenge was lost is asked again with its next copy.
const ASK_EVERY_MS = 200;
