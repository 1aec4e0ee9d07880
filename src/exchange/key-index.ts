/**
 * Finds which of its numbered slots has a key of 128 bits. Open addressing in arrays of numbers: a Map that many
 * entries pass through leaves dead tables behind, and whatever those name outlives its time.
 */
export class KeyIndex {
  /** Four words for each slot. */
  #keys = new Uint32Array(0);
  /** By hash of the key: slot + 1, or 0. At least twice as many as slots. */
  #places = new Int32Array(0);

  /** @param seed 32 random bits, so that nobody can choose keys that crowd one place */
  constructor(private readonly seed: number) {}

  /** @returns the slot of a key; -1 when it has none */
  find(words: Uint32Array): number {
    const keys = this.#keys;
    const places = this.#places;
    if (places.length === 0) return -1;
    const mask = places.length - 1;
    for (let at = this.#hashOf(words, 0) & mask; ; at = (at + 1) & mask) {
      const slot = (places[at] as number) - 1;
      if (slot < 0) return -1;
      const first = 4 * slot;
      const isKey =
        keys[first] === words[0] &&
        keys[first + 1] === words[1] &&
        keys[first + 2] === words[2] &&
        keys[first + 3] === words[3];
      if (isKey) return slot;
    }
  }

  /** Gives a slot that has none a key that no other slot has. */
  set(slot: number, words: Uint32Array): void {
    this.#keys.set(words, 4 * slot);
    this.#insert(slot);
  }

  /** The slot has no key any more. */
  clear(slot: number): void {
    const keys = this.#keys;
    const places = this.#places;
    const mask = places.length - 1;
    let hole = this.#hashOf(keys, 4 * slot) & mask;
    while (places[hole] !== slot + 1) hole = (hole + 1) & mask;
    // Moves up those behind it that would not be found any more.
    for (let next = (hole + 1) & mask; places[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hashOf(keys, 4 * ((places[next] as number) - 1)) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      places[hole] = places[next] as number;
      hole = next;
    }
    places[hole] = 0;
  }

  /** Makes room. @param order the slots that have keys; their keys are those of slots 0, 1, 2 and so on from now on */
  resize(slots: number, order: readonly number[]): void {
    const former = this.#keys;
    this.#keys = new Uint32Array(4 * slots);
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * slots)));
    order.forEach((slot, index) => {
      for (let word = 0; word < 4; word++) this.#keys[4 * index + word] = former[4 * slot + word] as number;
      this.#insert(index);
    });
  }

  #insert(slot: number): void {
    const mask = this.#places.length - 1;
    let at = this.#hashOf(this.#keys, 4 * slot) & mask;
    while (this.#places[at] !== 0) at = (at + 1) & mask;
    this.#places[at] = slot + 1;
  }

  #hashOf(words: Uint32Array, from: number): number {
    let hash = this.seed;
    for (let at = from; at < from + 4; at++) {
      hash = Math.imul(hash ^ (words[at] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}
