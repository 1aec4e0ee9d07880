/**
 * Which numbers have which hash. Open addressing in one array: a Map that many entries pass through leaves dead tables
 * behind, and whatever those name outlives its time.
 *
 * Whoever looks for a key goes through the numbers of its hash, from {@link first} to {@link next}, and compares. The
 * hash stands beside the number, so that a key that is not here is told without a look at any other one, which would be
 * far away in memory: 5 % of a request.
 */
export class HashPlaces {
  /** Two words for each place: number + 1, or 0; and the hash. At least twice as many places as numbers. */
  #places = new Int32Array(2);
  /** Number of the last place: one less than a power of 2. */
  #mask = 0;

  /** Empties it, and makes room for so many numbers. */
  clear(numbers: number): void {
    const places = 2 ** Math.ceil(Math.log2(2 * numbers));
    this.#places = new Int32Array(2 * places);
    this.#mask = places - 1;
  }

  /** @param hash 32 bits, signed @returns the place of the first number that has it; -1 for none */
  first(hash: number): number {
    return this.#seek(hash & this.#mask, hash);
  }

  /** The place of the next one behind a place. */
  next(place: number, hash: number): number {
    return this.#seek((place + 1) & this.#mask, hash);
  }

  numberAt(place: number): number {
    return (this.#places[2 * place] as number) - 1;
  }

  /** @param number 0 or more, which is not here; there must be room */
  put(number: number, hash: number): void {
    let at = hash & this.#mask;
    while (this.#places[2 * at] !== 0) at = (at + 1) & this.#mask;
    this.#places[2 * at] = number + 1;
    this.#places[2 * at + 1] = hash;
  }

  /** @param number that is here, with that hash */
  remove(number: number, hash: number): void {
    const places = this.#places;
    const mask = this.#mask;
    let hole = hash & mask;
    while (places[2 * hole] !== number + 1) hole = (hole + 1) & mask;
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

  #seek(from: number, hash: number): number {
    for (let at = from; this.#places[2 * at] !== 0; at = (at + 1) & this.#mask)
      if (this.#places[2 * at + 1] === hash) return at;
    return -1;
  }
}
