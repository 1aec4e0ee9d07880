/**
 * FNV-1a, 32 bits, with its last step mixed in, so that the lowest bits depend on all of the text.
 *
 * @param seed random where nobody may choose which texts meet
 */
export function hashOfText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
