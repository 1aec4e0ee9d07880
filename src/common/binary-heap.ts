/** An entry of a {@link BinaryHeap}; the heap keeps its place in `heapIndex`. */
export interface HeapEntry {
  /** Place in the heap, -1 while outside. Written by the heap alone. */
  heapIndex: number;
}

/** A min-heap whose entries can be removed from the middle in O(log n). */
export class BinaryHeap<T extends HeapEntry> {
  readonly #entries: T[] = [];

  /** @param isBefore whether the first entry leaves before the second */
  constructor(private readonly isBefore: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.#entries.length;
  }

  peek(): T | undefined {
    return this.#entries[0];
  }

  push(entry: T): void {
    this.#entries.push(entry);
    this.#rise(this.#entries.length - 1, entry);
  }

  pop(): T | undefined {
    const first = this.#entries[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes an entry out, wherever it stands; one that is not inside is left alone. */
  remove(entry: T): void {
    const index = entry.heapIndex;
    if (index < 0) return;
    entry.heapIndex = -1;
    const last = this.#entries.pop() as T;
    if (last === entry) return;
    this.#rise(index, last);
    this.#sink(last.heapIndex, last);
  }

  /** Puts an entry right whose order has changed; one that is not inside is left alone. */
  update(entry: T): void {
    if (entry.heapIndex < 0) return;
    this.#rise(entry.heapIndex, entry);
    this.#sink(entry.heapIndex, entry);
  }

  #rise(start: number, entry: T): void {
    let index = start;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#entries[parentIndex] as T;
      if (!this.isBefore(entry, parent)) break;
      this.#put(parent, index);
      index = parentIndex;
    }
    this.#put(entry, index);
  }

  #sink(start: number, entry: T): void {
    let index = start;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = this.#entries[childIndex];
      if (child === undefined) break;
      const right = this.#entries[childIndex + 1];
      if (right !== undefined && this.isBefore(right, child)) {
        child = right;
        childIndex++;
      }
      if (!this.isBefore(child, entry)) break;
      this.#put(child, index);
      index = childIndex;
    }
    this.#put(entry, index);
  }

  #put(entry: T, index: number): void {
    this.#entries[index] = entry;
    entry.heapIndex = index;
  }
}
