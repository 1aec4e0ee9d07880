import { HashPlaces } from '../common/hash-places.js';

/** Finds which of its numbered slots has a key of 128 bits. */
export class KeyIndex {
  /** Four words for each slot. */
  #keys = new Uint32Array(0);
  readonly #places = new HashPlaces();

  /** @param seed 32 random bits, so that nobody can choose keys that crowd one place */
  constructor(private readonly seed: number) {}

  /** @returns the slot of a key; -1 when it has none */
  find(words: Uint32Array): number {
    const hash = this.#hashOf(words, 0);
    for (let place = this.#places.first(hash); place >= 0; place = this.#places.next(place, hash)) {
      const slot = this.#places.numberAt(place);
      if (this.#isKeyOf(slot, words)) return slot;
    }
    return -1;
  }

  /** Gives a slot that has none a key that no other slot has. */
  set(slot: number, words: Uint32Array): void {
    this.#keys.set(words, 4 * slot);
    this.#put(slot);
  }

  /** The slot has no key any more. */
  clear(slot: number): void {
    this.#places.remove(slot, this.#hashOf(this.#keys, 4 * slot));
  }

  /** Makes room. @param order the slots that have keys; their keys are those of slots 0, 1, 2 and so on from now on */
  resize(slots: number, order: readonly number[]): void {
    const former = this.#keys;
    this.#keys = new Uint32Array(4 * slots);
    this.#places.clear(slots);
    order.forEach((slot, index) => {
      for (let word = 0; word < 4; word++) this.#keys[4 * index + word] = former[4 * slot + word] as number;
      this.#put(index);
    });
  }

  #put(slot: number): void {
    this.#places.put(slot, this.#hashOf(this.#keys, 4 * slot));
  }

  #isKeyOf(slot: number, words: Uint32Array): boolean {
    const keys = this.#keys;
    const first = 4 * slot;
    return (
      keys[first] === words[0] &&
      keys[first + 1] === words[1] &&
      keys[first + 2] === words[2] &&
      keys[first + 3] === words[3]
    );
  }

  /** 32 bits, signed. */
  #hashOf(words: Uint32Array, from: number): number {
    let hash = this.seed;
    for (let at = from; at < from + 4; at++) {
      hash = Math.imul(hash ^ (words[at] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}
