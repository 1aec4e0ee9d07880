import type { Shaped } from './shaped.js';

/** Datagrams of one flow in the order they came. Their links are fields of their own: nothing is allocated. */
export class Lane {
  first: Shaped | undefined;
  #last: Shaped | undefined;

  push(item: Shaped): void {
    if (this.#last === undefined) this.first = item;
    else this.#last.behind = item;
    this.#last = item;
  }

  /** Takes out the first at once; any other one, which only its caller takes back, after a look at those before it. */
  remove(item: Shaped): void {
    const { behind } = item;
    let before: Shaped | undefined;
    if (item !== this.first) {
      before = this.first;
      while (before !== undefined && before.behind !== item) before = before.behind;
    }
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (item === this.#last) this.#last = before;
    item.behind = undefined;
  }
}
