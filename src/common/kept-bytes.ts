/**
 * Bytes that somebody keeps for long. Small ones are often a part of memory that many share, as of Node's pool of
 * 8 KiB, and keep all of it from being freed: then they become a copy of their own.
 *
 * @returns bytes that hold at most eight times as much memory as they are
 */
export function keptBytes<T extends Uint8Array>(bytes: T): T {
  if (bytes.buffer.byteLength <= MOST_HELD * bytes.length) return bytes;
  // Of the same class, and not in the pool again, as Buffer.from() would be.
  return Uint8Array.prototype.slice.call(bytes) as T;
}

// A datagram of usual size, about 1200 bytes, stays where it is: a copy costs half as much as all else that is done.
const MOST_HELD = 8;
