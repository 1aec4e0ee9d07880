/**
 * Makes request ids of 64 random bits, 16 hexadecimal digits: off-path senders cannot guess one.
 *
 * @param randomBytes fills an array with unpredictable bytes; asked for many ids at a time
 */
export function requestIdSource(randomBytes: (target: Uint8Array) => void): () => string {
  const pool = new Uint8Array(POOL_BYTES);
  const view = new DataView(pool.buffer);
  let offset = POOL_BYTES;
  return () => {
    if (offset === POOL_BYTES) {
      // One call to the system for many ids: each call costs far more than the bytes.
      randomBytes(pool);
      offset = 0;
    }
    const id = hex32(view.getUint32(offset)) + hex32(view.getUint32(offset + 4));
    offset += ID_BYTES;
    return id;
  };
}

/** By a table: to write a number above 2^31 as text took 3 % of a request, of a client's own time. */
function hex32(word: number): string {
  const digit = (at: number): number => DIGITS[(word >>> at) & 15] as number;
  return String.fromCharCode(
    digit(28),
    digit(24),
    digit(20),
    digit(16),
    digit(12),
    digit(8),
    digit(4),
    digit(0),
  );
}

/** Codes of the hexadecimal digits. */
const DIGITS = Uint8Array.from('0123456789abcdef', (character) => character.charCodeAt(0));

const ID_BYTES = 8;

const POOL_BYTES = 512 * ID_BYTES;
