import { HashPlaces } from '../common/hash-places.js';
import type { RequestKey } from './request-key.js';

/** Finds which of its numbered slots has a key. */
export class KeyIndex {
  /** Of each slot its key in four words, the hash of it, and what its owner keeps. Others after a {@link resize}. */
  rows = new Uint32Array(0);
  readonly #places = new HashPlaces();

  /** @param width words of a row, 5 or more */
  constructor(private readonly width = OWN_WORDS) {}

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
    const first = this.width * slot;
    for (let word = 0; word < HASH; word++) this.rows[first + word] = words[word] as number;
    this.rows[first + HASH] = hash;
    this.#places.put(slot, hash);
  }

  /** Tells the key of a slot that has one. */
  read(slot: number, key: RequestKey): void {
    key.ofWords(this.rows, this.width * slot, this.#hashOf(slot));
  }

  /** The slot has no key any more. */
  clear(slot: number): void {
    this.#places.remove(slot, this.#hashOf(slot));
  }

  /** Makes room. @param order the slots that have keys; their rows are those of slots 0, 1, 2 and so on from now on */
  resize(slots: number, order: readonly number[]): void {
    const { rows: former, width } = this;
    this.rows = new Uint32Array(width * slots);
    this.#places.clear(slots);
    order.forEach((slot, index) => {
      for (let word = 0; word < width; word++) {
        this.rows[width * index + word] = former[width * slot + word] as number;
      }
      this.#places.put(index, this.#hashOf(index));
    });
  }

  #hashOf(slot: number): number {
    return (this.rows[this.width * slot + HASH] as number) | 0;
  }

  #isKeyOf(slot: number, words: Uint32Array): boolean {
    const known = this.rows;
    const first = this.width * slot;
    return (
      known[first] === words[0] &&
      known[first + 1] === words[1] &&
      known[first + 2] === words[2] &&
      known[first + 3] === words[3]
    );
  }
}

/** Where in a row the hash stands: behind the four words of the key. */
const HASH = 4;

const OWN_WORDS = HASH + 1;
