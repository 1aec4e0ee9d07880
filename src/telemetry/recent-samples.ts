/** The last thousand values of something, and how they are spread. */
export class RecentSamples {
  readonly #values = new Float64Array(CAPACITY);
  #count = 0;

  add(value: number): void {
    this.#values[this.#count++ % CAPACITY] = value;
  }

  /**
   * The values below which these shares of the samples lie: 0.5 is the median.
   *
   * @returns one for each share; 0 while there are no samples
   */
  quantiles(...shares: readonly number[]): number[] {
    const sorted = this.#values.slice(0, Math.min(this.#count, CAPACITY)).sort();
    return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  }
}

// Enough for a 99th percentile; a power of two.
const CAPACITY = 1024;
