/** Something that is in at most one {@link PlacedSet}. */
export interface Placed {
  /** Where it stands there; -1 while it is in none. Written by the set. */
  place: number;
}

/**
 * A set whose members know where they stand. Many may pass through it: unlike a Set it leaves no dead tables behind,
 * by which the garbage collector would keep all that were ever in them for a while.
 */
export class PlacedSet<T extends Placed> {
  readonly #members: T[] = [];

  add(member: T): void {
    if (member.place >= 0) return;
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** @returns whether it was here */
  delete(member: T): boolean {
    if (this.#members[member.place] !== member) return false;
    const last = this.#members.pop() as T;
    if (last !== member) {
      last.place = member.place;
      this.#members[member.place] = last;
    }
    member.place = -1;
    return true;
  }

  /** The members now, in no order. */
  values(): T[] {
    return [...this.#members];
  }

  get size(): number {
    return this.#members.length;
  }
}
