/**
 * Memory of large messages, which is used again when they have arrived. To get a megabyte from the system takes longer
 * than to write it, for each page is cleared when it is touched first.
 */
export class MessageMemory {
  /** What was handed out and is not back: bytes of others never get here. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #spares: Buffer[] = [];
  #spareBytes = 0;

  /** @returns so many bytes, which hold anything */
  readonly take = (bytes: number): Buffer => {
    if (bytes < LEAST_BYTES) return Buffer.allocUnsafe(bytes);
    const memory =
      this.#spareFor(bytes) ?? Buffer.allocUnsafeSlow(ROUND_BYTES * Math.ceil(bytes / ROUND_BYTES));
    this.#lent.add(memory.buffer);
    return memory.subarray(0, bytes);
  };

  /** @param message nobody reads it any more; what is small, not from here, or back already, is left alone */
  giveBack({ buffer, length }: Uint8Array): void {
    if (length < LEAST_BYTES || !this.#lent.delete(buffer)) return;
    if (buffer.byteLength > MOST_SPARE_BYTES) return;
    this.#spares.push(Buffer.from(buffer));
    this.#spareBytes += buffer.byteLength;
    // Sizes change: what nobody has asked for for longest makes room.
    while (this.#spareBytes > MOST_SPARE_BYTES) this.#takeSpare(0);
  }

  /** Bytes that are kept for the next messages. */
  get spareBytes(): number {
    return this.#spareBytes;
  }

  /** One that fits well: a message is counted by its bytes, and must not hold many times as much memory. */
  #spareFor(bytes: number): Buffer | undefined {
    const most = bytes + bytes / 4;
    return this.#takeSpare(this.#spares.findIndex(({ length }) => length >= bytes && length <= most));
  }

  #takeSpare(at: number): Buffer | undefined {
    const [spare] = at < 0 ? [] : this.#spares.splice(at, 1);
    this.#spareBytes -= spare?.length ?? 0;
    return spare;
  }
}

// More than a datagram: one may be kept for those who ask again, or be with the kernel when its request is over.
const LEAST_BYTES = 65_536;

// So that messages of about one size fit into what another has left.
const ROUND_BYTES = 16_384;

const MOST_SPARE_BYTES = 4 * 1_048_576;
