import { KeyIndex } from './key-index.js';
import type { RequestKey } from './request-key.js';

/** What can be among the {@link PresentRequests}. */
export interface Present {
  /** Its place among them; -1 when it is not there. Theirs to write. */
  slot: number;
}

/** Requests that are under way, by key. */
export class PresentRequests<R extends Present> {
  readonly #index = new KeyIndex();
  #requests: (R | undefined)[] = [];
  /** Slots that are free. */
  #free: number[] = [];

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
    if (this.#free.length === 0) this.#resize(Math.max(LEAST, 2 * this.#requests.length));
    const slot = this.#free.pop() as number;
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
    const slots = this.#requests.length;
    // After a peak: whoever looks at all of them should not look at the many that were.
    if (slots > LEAST && SPARSE * this.size < slots) this.#resize(slots / 2);
    return true;
  }

  values(): R[] {
    return this.#requests.filter((request) => request !== undefined);
  }

  #resize(slots: number): void {
    const taken: number[] = [];
    const requests: (R | undefined)[] = [];
    for (const [slot, request] of this.#requests.entries()) {
      if (request === undefined) continue;
      taken.push(slot);
      request.slot = requests.push(request) - 1;
    }
    this.#index.resize(slots, taken);
    this.#free = [];
    for (let slot = slots - 1; slot >= taken.length; slot--) this.#free.push(slot);
    while (requests.length < slots) requests.push(undefined);
    this.#requests = requests;
  }
}

const LEAST = 64;

// So far that those who come and go around a size do not make it larger and smaller.
const SPARSE = 8;
