import type { MessageMemory } from './message-memory.js';
import type { PeerPath } from './peer-path.js';

export interface DeliveryLimits {
  /** Bytes of all peers. */
  readonly maxBytes: number;
  /** Bytes of one peer. */
  readonly maxPeerBytes: number;
}

/** Room for messages that a run holds until they have arrived. */
export interface DeliveryRoom {
  /** @returns false when the bytes would be too many: they are not counted */
  tryTake(bytes: number): boolean;
  /** @param message set when nobody reads it any more: its memory is used again */
  giveBack(bytes: number, message: Uint8Array | undefined): void;
}

/** Keeps what large replies and streams take until they have arrived within bounds, per peer and in all. */
export class DeliveryBudget {
  #bytes = 0;

  constructor(
    private readonly limits: DeliveryLimits,
    private readonly memory: MessageMemory,
  ) {}

  /** The room of one peer. */
  roomOf(path: PeerPath): DeliveryRoom {
    return {
      tryTake: (bytes) => this.#tryTake(path, bytes),
      giveBack: (bytes, message) => {
        this.#take(path, -bytes);
        if (message !== undefined) this.memory.giveBack(message);
      },
    };
  }

  /** Bytes that have not arrived. */
  get bytes(): number {
    return this.#bytes;
  }

  #tryTake(path: PeerPath, bytes: number): boolean {
    const { maxBytes, maxPeerBytes } = this.limits;
    if (this.#bytes + bytes > maxBytes || path.undeliveredBytes + bytes > maxPeerBytes) return false;
    this.#take(path, bytes);
    return true;
  }

  #take(path: PeerPath, bytes: number): void {
    this.#bytes += bytes;
    path.undeliveredBytes += bytes;
  }
}
