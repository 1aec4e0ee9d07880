/** A place in a {@link LinkedList}. Its owner makes it once and keeps it. */
export class Link<T> {
  /** The list it stands in; written by the list alone, as the next two. */
  list: LinkedList<T> | undefined;
  before: Link<T> | undefined;
  after: Link<T> | undefined;

  constructor(readonly owner: T) {}
}

/** A list whose entries are added at its end and taken out anywhere, in O(1). */
export class LinkedList<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;

  /** @param link stands in no list */
  pushBack(link: Link<T>): void {
    link.list = this;
    link.before = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
  }

  /** @param link stands in this list */
  remove(link: Link<T>): void {
    const { before, after } = link;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    link.list = undefined;
    link.before = undefined;
    link.after = undefined;
  }

  get first(): T | undefined {
    return this.#first?.owner;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }
}
