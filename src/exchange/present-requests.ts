import { KeyIndex } from './key-index.js';

/** Requests that run, by key. */
export class PresentRequests<R> {
  readonly #index: KeyIndex;
  #requests: (R | undefined)[] = [];
  /** Slots that are free. */
  #free: number[] = [];

  /** @param seed see {@link KeyIndex} */
  constructor(seed: number) {
    this.#index = new KeyIndex(seed);
  }

  get(words: Uint32Array): R | undefined {
    const slot = this.#index.find(words);
    return slot < 0 ? undefined : this.#requests[slot];
  }

  /** Adds a request; one that has the key already gives way to it. */
  set(words: Uint32Array, request: R): void {
    let slot = this.#index.find(words);
    if (slot < 0) {
      slot = this.#free.pop() ?? this.#grow();
      this.#index.set(slot, words);
    }
    this.#requests[slot] = request;
  }

  /** @returns whether it was here */
  delete(words: Uint32Array, request: R): boolean {
    const slot = this.#index.find(words);
    if (slot < 0 || this.#requests[slot] !== request) return false;
    this.#index.clear(slot);
    this.#requests[slot] = undefined;
    this.#free.push(slot);
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
