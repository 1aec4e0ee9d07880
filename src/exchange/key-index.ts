import type { HalfSipHash } from '../common/half-sip-hash.js';
import { HashPlaces } from '../common/hash-places.js';
import type { RequestKey } from './request-key.js';

/** Finds which of its numbered slots has a key. */
export class KeyIndex {
  /** Four words for each slot. */
  #words = new Uint32Array(0);
  readonly #places = new HashPlaces();

  /** @param hashing that of the keys */
  constructor(private readonly hashing: HalfSipHash) {}

  /** @returns the slot of a key; -1 when it has none */
  find({ words, hash }: RequestKey): number {
    for (let place = this.#places.first(hash); place >= 0; place = this.#places.next(place, hash)) {
      const slot = this.#places.numberAt(place);
      if (this.#isKeyOf(slot, words)) return slot;
    }
    return -1;
  }

  /** Gives a slot that has none a key that no other slot has. */
  set(slot: number, { words, hash }: RequestKey): void {
    for (let word = 0; word < 4; word++) this.#words[4 * slot + word] = words[word] as number;
    this.#places.put(slot, hash);
  }

  /** Tells the key of a slot that has one. */
  read(slot: number, key: RequestKey): void {
    key.ofWords(this.#words, 4 * slot);
  }

  /** The slot has no key any more. */
  clear(slot: number): void {
    this.#places.remove(slot, this.hashing.of(this.#words, 4 * slot));
  }

  /** Makes room. @param order the slots that have keys; their keys are those of slots 0, 1, 2 and so on from now on */
  resize(slots: number, order: readonly number[]): void {
    const former = this.#words;
    this.#words = new Uint32Array(4 * slots);
    this.#places.clear(slots);
    order.forEach((slot, index) => {
      for (let word = 0; word < 4; word++) this.#words[4 * index + word] = former[4 * slot + word] as number;
      this.#places.put(index, this.hashing.of(this.#words, 4 * index));
    });
  }

  #isKeyOf(slot: number, words: Uint32Array): boolean {
    const known = this.#words;
    const first = 4 * slot;
    return (
      known[first] === words[0] &&
      known[first + 1] === words[1] &&
      known[first + 2] === words[2] &&
      known[first + 3] === words[3]
    );
  }
}
