/**
 * The number that up to eight digits of a text write.
 *
 * @param text lower case hexadecimal digits; what others mean is not defined
 */
export function hexAt(text: string, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) {
    const code = text.charCodeAt(at);
    // '0' to '9' end in their value; 'a' to 'f' in it less nine, and have the bit of 64.
    value = (value << 4) | ((code & 15) + 9 * (code >> 6));
  }
  return value >>> 0;
}
