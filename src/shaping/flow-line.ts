import type { Flow } from './flow.js';

/** Flows in the order of their turns. Their links are fields of their own: a flow stands in one line at a time. */
export class FlowLine {
  first: Flow | undefined;
  #last: Flow | undefined;

  /** @param flow stands in no line */
  push(flow: Flow): void {
    flow.line = this;
    flow.before = this.#last;
    if (this.#last === undefined) this.first = flow;
    else this.#last.after = flow;
    this.#last = flow;
  }

  /** @param flow stands in this line */
  remove(flow: Flow): void {
    const { before, after } = flow;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    flow.line = undefined;
    flow.before = undefined;
    flow.after = undefined;
  }
}
