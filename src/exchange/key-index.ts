/**
 * Finds which of its numbered slots has a key of 128 bits. Open addressing in arrays of numbers: a Map that many
 * entries pass through leaves dead tables behind, and whatever those name outlives its time.
 */
export class KeyIndex {
  /** Four words for each slot. */
  #keys = new Uint32Array(0);
  /**
   * By hash of the key, two words for each place: slot + 1, or 0; and the hash. With it a key that is not here is told
   * without a look at any other one, which would be far away in memory: 5 % of a request. At least twice as many
   * places as slots.
   */
  #places = new Int32Array(0);
  /** Number of the last place: one less than a power of 2. */
  #mask = 0;

  /** @param seed 32 random bits, so that nobody can choose keys that crowd one place */
  constructor(private readonly seed: number) {}

  /** @returns the slot of a key; -1 when it has none */
  find(words: Uint32Array): number {
    const places = this.#places;
    if (places.length === 0) return -1;
    const hash = this.#hashOf(words, 0);
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = (places[2 * at] as number) - 1;
      if (slot < 0) return -1;
      if (places[2 * at + 1] === hash && this.#isKeyOf(slot, words)) return slot;
    }
  }

  /** Gives a slot that has none a key that no other slot has. */
  set(slot: number, words: Uint32Array): void {
    this.#keys.set(words, 4 * slot);
    this.#insert(slot);
  }

  /** The slot has no key any more. */
  clear(slot: number): void {
    const places = this.#places;
    const mask = this.#mask;
    let hole = this.#hashOf(this.#keys, 4 * slot) & mask;
    while (places[2 * hole] !== slot + 1) hole = (hole + 1) & mask;
    // Moves up those behind it that would not be found any more.
    for (let next = (hole + 1) & mask; places[2 * next] !== 0; next = (next + 1) & mask) {
      const home = (places[2 * next + 1] as number) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      places[2 * hole] = places[2 * next] as number;
      places[2 * hole + 1] = places[2 * next + 1] as number;
      hole = next;
    }
    places[2 * hole] = 0;
  }

  /** Makes room. @param order the slots that have keys; their keys are those of slots 0, 1, 2 and so on from now on */
  resize(slots: number, order: readonly number[]): void {
    const former = this.#keys;
    const places = 2 ** Math.ceil(Math.log2(2 * slots));
    this.#keys = new Uint32Array(4 * slots);
    this.#places = new Int32Array(2 * places);
    this.#mask = places - 1;
    order.forEach((slot, index) => {
      for (let word = 0; word < 4; word++) this.#keys[4 * index + word] = former[4 * slot + word] as number;
      this.#insert(index);
    });
  }

  #insert(slot: number): void {
    const hash = this.#hashOf(this.#keys, 4 * slot);
    let at = hash & this.#mask;
    while (this.#places[2 * at] !== 0) at = (at + 1) & this.#mask;
    this.#places[2 * at] = slot + 1;
    this.#places[2 * at + 1] = hash;
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
