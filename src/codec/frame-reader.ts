import { MalformedDatagramError } from './malformed-datagram.error.js';

/** Reads numbers one after the other, and throws where the bytes end. */
export class FrameReader {
  constructor(
    private readonly bytes: Buffer,
    private offset: number,
  ) {}

  uint8(): number {
    return this.bytes.readUInt8(this.#step(1));
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.#step(2));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#step(4));
  }

  /** A view of so many bytes. */
  bytesOf(bytes: number): Uint8Array {
    const at = this.#step(bytes);
    return this.bytes.subarray(at, at + bytes);
  }

  /** A view of what is left. */
  rest(maxBytes: number): Uint8Array {
    if (this.bytes.length - this.offset > maxBytes) throw truncated();
    return this.bytes.subarray(this.offset);
  }

  #step(bytes: number): number {
    const at = this.offset;
    if (at + bytes > this.bytes.length) throw truncated();
    this.offset += bytes;
    return at;
  }
}

export function truncated(): MalformedDatagramError {
  return new MalformedDatagramError('binary frame of a wrong length');
}
