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

function hex32(word: number): string {
  return word.toString(16).padStart(8, '0');
}

const ID_BYTES = 8;

const POOL_BYTES = 512 * ID_BYTES;
