/**
 * As many of a list as fit into the answer to a query: whoever asks has proved nothing yet, and is sent no more than
 * three times what it has sent (`amplificationFactor`).
 *
 * @param bytesEach of one item, as it stands in the answer
 * @param query the whole datagram
 */
export function fitting<T>(items: readonly T[], bytesEach: number, query: Uint8Array): T[] {
  const room = FACTOR * query.length - HEAD_BYTES;
  return items.slice(0, Math.max(0, Math.floor(room / bytesEach)));
}

const FACTOR = 3;

// All of an answer but its list: ids, token, address of the asker, and the names of these. The transaction id is as
// long as in the query.
const HEAD_BYTES = 110;
