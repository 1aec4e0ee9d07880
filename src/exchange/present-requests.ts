import type { HalfSipHash } from '../common/half-sip-hash.js';
import { KeyIndex } from './key-index.js';
import type { RequestKey } from './request-key.js';

/** What can be among the {@link PresentRequests}. */
export interface Present {
  /** Its place among them; -1 when it is not there. Theirs to write. */
  slot: number;
}

/** Requests that are under way, by key. */
export class PresentRequests<R extends Present> {
  readonly #index: KeyIndex;
  #requests: (R | undefined)[] = [];
  /** Slots that are free. */
  #free: number[] = [];

  /** @param hashing that of the keys */
  constructor(hashing: HalfSipHash) {
    this.#index = new KeyIndex(hashing);
  }

  get size(): number {
    return this.#requests.length - this.#free.length;
  }

  get(key: RequestKey): R | undefined {
    const slot = this.#index.find(key);
    return slot < 0 ? undefined : this.#requests[slot];
  }

  /** @returns false when another one has the key: the request was not added */
  add(key: RequestKey, request: R): boolean {
    const present = this.#index.find(key);
    if (present >= 0) return this.#requests[present] === request;
    const slot = this.#free.pop() ?? this.#grow();
    this.#index.set(slot, key);
    this.#requests[slot] = request;
    request.slot = slot;
    return true;
  }

  /** @param key gets that of the request @returns whether it was here */
  take(request: R, key: RequestKey): boolean {
    const { slot } = request;
    if (slot < 0) return false;
    this.#index.read(slot, key);
    this.#index.clear(slot);
    this.#requests[slot] = undefined;
    this.#free.push(slot);
    request.slot = -1;
    return true;
  }

  values(): R[] {
    return this.#requests.filter((request) => request !== undefined);
  }

  /** Twice the room. @returns a free slot */
  #grow(): number {
    const former = this.#requests.length;
    const slots = Math.max(LEAST, 2 * former);
    this.#index.resize(
      slots,
      this.#requests.map((_, slot) => slot),
    );
    for (let slot = slots - 1; slot > former; slot--) this.#free.push(slot);
    while (this.#requests.length < slots) this.#requests.push(undefined);
    return former;
  }
}

const LEAST = 64;
