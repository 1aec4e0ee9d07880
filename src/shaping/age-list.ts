import type { Shaped } from './shaped.js';

/** Datagrams by age, of many flows: any of them is taken out in O(1), and nothing is allocated. */
export class AgeList {
  oldest: Shaped | undefined;
  #newest: Shaped | undefined;

  add(item: Shaped): void {
    item.older = this.#newest;
    if (this.#newest === undefined) this.oldest = item;
    else this.#newest.newer = item;
    this.#newest = item;
  }

  remove(item: Shaped): void {
    const { older, newer } = item;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    item.older = undefined;
    item.newer = undefined;
  }
}
