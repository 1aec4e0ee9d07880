/** A first-in first-out line whose head leaves in O(1), amortised, and whose memory follows its length. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head >= this.#items.length) return undefined;
    this.#items[this.#head++] = undefined as T;
    // Moving half of the array once in so many takes keeps both the price and the memory small.
    if (this.#head >= COMPACT_AT && 2 * this.#head >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#items.length) {
      this.clear();
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }
}

const COMPACT_AT = 64;
