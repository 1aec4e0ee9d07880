import type { PeerPath } from './peer-path.js';

export interface ReassemblyLimits {
  /** Bytes of incomplete messages of all peers. */
  readonly maxBytes: number;
  /** Bytes of incomplete messages of one peer. */
  readonly maxPeerBytes: number;
  /** Milliseconds after the last new segment until an incomplete message is forgotten. */
  readonly maxAgeMs: number;
  /** Bytes of one message. */
  readonly maxMessageBytes: number;
}

/** Keeps what incomplete messages take within bounds, per peer and in all. */
export class ReassemblyBudget {
  #bytes = 0;
  #refused = 0;

  constructor(readonly limits: ReassemblyLimits) {}

  /** @returns false when the bytes would be too many: they are not counted */
  tryTake(path: PeerPath, bytes: number): boolean {
    const { maxBytes, maxPeerBytes } = this.limits;
    if (this.#bytes + bytes > maxBytes || path.reassemblyBytes + bytes > maxPeerBytes) {
      this.#refused++;
      return false;
    }
    this.#bytes += bytes;
    path.reassemblyBytes += bytes;
    return true;
  }

  giveBack(path: PeerPath, bytes: number): void {
    this.#bytes -= bytes;
    path.reassemblyBytes -= bytes;
  }

  /** Bytes of incomplete messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Segments that found no room. */
  get refused(): number {
    return this.#refused;
  }
}
