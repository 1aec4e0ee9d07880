import { hashOfText } from '../common/text-hash.js';
import type { Bandwidth } from './bandwidth.options.js';
import { TokenBucket } from './token-bucket.js';

/**
 * What short errors may take that answer more requests than can be served: 5 % of the upload rate in all. So the
 * refusals of a flood do not become a flood, and leave the limit to real answers.
 */
export class RefusalBudget {
  #bucket: TokenBucket;
  // By hash of the peer, in fixed memory: two peers that share a slot share a refusal.
  readonly #toldMs = new Float64Array(SLOTS).fill(-Infinity);

  constructor(uploadBytesPerSecond: number, nowMs: number) {
    this.#bucket = new TokenBucket(budgetOf(uploadBytesPerSecond), nowMs);
  }

  /** Takes the bytes of one refusal, at the upload rate of now. @returns whether there was enough */
  tryTake(bytes: number, uploadBytesPerSecond: number, nowMs: number): boolean {
    const budget = budgetOf(uploadBytesPerSecond);
    if (budget.rateBytesPerSecond !== this.#bucket.bandwidth.rateBytesPerSecond) {
      this.#bucket.setBandwidth(budget, nowMs);
    }
    return this.#bucket.tryTake(bytes, nowMs);
  }

  /** Whether a peer has been told nothing for a second. */
  isDue(peerKey: string, nowMs: number): boolean {
    return nowMs - (this.#toldMs[slotOf(peerKey)] as number) >= PER_PEER_MS;
  }

  /** Notes that a peer has been told. */
  told(peerKey: string, nowMs: number): void {
    this.#toldMs[slotOf(peerKey)] = nowMs;
  }
}

function budgetOf(uploadBytesPerSecond: number): Bandwidth {
  const rateBytesPerSecond = uploadBytesPerSecond * SHARE;
  return { rateBytesPerSecond, burstBytes: undefined, burstTimeMs: BURST_MS };
}

function slotOf(text: string): number {
  return hashOfText(text) % SLOTS;
}

const SHARE = 0.05;

// A burst of a second lets each refusal of a quiet service leave at once.
const BURST_MS = 1000;

const PER_PEER_MS = 1000;

const SLOTS = 4096;
