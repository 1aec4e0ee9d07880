/**
 * Checks in O(1) for each debit that no window which ends with it holds more bytes than the limit allows.
 *
 * It keeps its own integral of the rate, over the readings of the clock: a clock that steps back adds nothing
 * until it has passed its highest reading, and a pause adds nothing.
 */
export class WindowLedger {
  #rateBytesPerMs = Infinity;
  #burstBytes = Infinity;
  #isPaused = false;
  #highestMs = -Infinity;
  #creditBytes = 0;
  #debitedBytes = 0;
  // Over the debits since the limit began, of "bytes before it - credit": the best start of a window so far.
  #lowestStart = Infinity;
  // The same, and what the bucket could hold at that start.
  #lowestFullStart = Infinity;
  #smallestBurst = Infinity;
  #largestBurst = 0;
  #largestDatagram = 0;

  /** A reading of the clock. */
  read(nowMs: number): void {
    if (nowMs <= this.#highestMs) return;
    const isCounting = this.#highestMs !== -Infinity && !this.#isPaused && this.#rateBytesPerMs !== Infinity;
    if (isCounting) this.#creditBytes += (nowMs - this.#highestMs) * this.#rateBytesPerMs;
    this.#highestMs = nowMs;
  }

  /** The limit from the last reading on. */
  setLimit(rateBytesPerSecond: number, burstBytes: number): void {
    // Time without a limit allows anything: windows are looked at on either side of it.
    if (this.#rateBytesPerMs === Infinity || rateBytesPerSecond === Infinity) this.#restart();
    this.#rateBytesPerMs = rateBytesPerSecond / 1000;
    this.#burstBytes = burstBytes;
    this.#smallestBurst = Math.min(this.#smallestBurst, burstBytes);
    this.#largestBurst = Math.max(this.#largestBurst, burstBytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /**
   * A datagram leaves, as of the last reading.
   *
   * @throws {Error} a window that ends with it holds too much
   */
  debit(bytes: number): void {
    if (this.#isPaused) throw new Error(`${bytes} bytes left during a pause`);
    if (this.#rateBytesPerMs === Infinity) return;
    const start = this.#debitedBytes - this.#creditBytes;
    this.#lowestStart = Math.min(this.#lowestStart, start);
    this.#lowestFullStart = Math.min(this.#lowestFullStart, start + this.#burstBytes);
    this.#largestDatagram = Math.max(this.#largestDatagram, bytes);
    this.#debitedBytes += bytes;

    const end = this.#debitedBytes - this.#creditBytes;
    // What is promised: one allowance for all windows since the limit began.
    const allowed = Math.max(
      this.#largestBurst,
      this.#largestBurst - this.#smallestBurst + this.#largestDatagram,
    );
    refuseMore(end - this.#lowestStart, allowed);
    // What a bucket with debt does, which is never more: it was full at most, and owes the end of one datagram.
    refuseMore(end - this.#lowestFullStart, Math.max(0, bytes - this.#burstBytes));
  }

  #restart(): void {
    this.#lowestStart = Infinity;
    this.#lowestFullStart = Infinity;
    this.#smallestBurst = Infinity;
    this.#largestBurst = 0;
    this.#largestDatagram = 0;
  }
}

function refuseMore(bytes: number, allowedBytes: number): void {
  if (bytes <= allowedBytes + TOLERANCE_BYTES) return;
  throw new Error(`a window holds ${bytes} bytes above its rate, ${allowedBytes} are allowed`);
}

// For sums of float64; a whole byte too many is found.
const TOLERANCE_BYTES = 1e-3;
