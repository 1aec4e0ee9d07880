/**
 * Whether JSON writes a text between its quotes as it is: quotes, backslashes, control characters and halves of
 * surrogate pairs are escaped (RFC 8259 section 7, ECMA-262 section 25.5.2.2). Of control characters only line ends and
 * tabs are looked for; {@link hasControl} finds all of them, in the bytes that were written.
 */
export function isLikelyPlain(text: string): boolean {
  return !OFTEN_ESCAPED.some((character) => text.includes(character)) && text.isWellFormed();
}

/** Whether UTF-8 from `start` to `end` has a control character. Looks at four bytes at a time: at a megabyte it shows. */
export function hasControl(bytes: Uint8Array, start: number, end: number): boolean {
  const firstWord = start + (-(bytes.byteOffset + start) & 3);
  if (firstWord > end) return hasControlByte(bytes, start, end);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + firstWord, (end - firstWord) >> 2);
  return (
    hasControlByte(bytes, start, firstWord) ||
    hasControlInWords(words) ||
    hasControlByte(bytes, firstWord + 4 * words.length, end)
  );
}

function hasControlByte(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) < SPACE) return true;
  return false;
}

/** Four words at a time: a third less than one by one. */
function hasControlInWords(words: Int32Array): boolean {
  const end = words.length & ~3;
  let at = 0;
  for (; at < end; at += 4) {
    const found =
      controlIn(words[at] as number) |
      controlIn(words[at + 1] as number) |
      controlIn(words[at + 2] as number) |
      controlIn(words[at + 3] as number);
    if (found !== 0) return true;
  }
  for (; at < words.length; at++) if (controlIn(words[at] as number) !== 0) return true;
  return false;
}

/** Not 0 where a byte is less than a space: it borrows from its highest bit, which it has not; of UTF-8 others have it. */
function controlIn(word: number): number {
  return (word - FOUR_SPACES) & ~word & FOUR_HIGH_BITS;
}

const OFTEN_ESCAPED = ['"', '\\', '\n', '\t'];

const SPACE = 0x20;

const FOUR_SPACES = 0x20202020;

const FOUR_HIGH_BITS = 0x80808080;
