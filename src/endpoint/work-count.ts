/** Counts work that is under way, so that whoever closes can wait for it. */
export class WorkCount {
  #running = 0;
  #onIdle: (() => void)[] = [];

  /** Counts work until it is settled, and gives its outcome. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work;
    } finally {
      this.#running--;
      if (this.#running === 0) for (const tell of this.#onIdle.splice(0)) tell();
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}
