/**
 * Whether bytes are one whole bencoded value, at most 16 levels deep. The library that decodes them trusts what
 * it gets: a string of a negative length would keep it busy for ever.
 *
 * @see BEP 3, "bencoding"
 */
export function isBencoded(data: Uint8Array): boolean {
  return endOfValue(data, 0, MAX_DEPTH) === data.length;
}

/** @returns where the value that begins at a position ends; NaN when none begins there */
function endOfValue(data: Uint8Array, start: number, depth: number): number {
  const byte = data[start];
  if (byte === LETTER_I) return endOfInteger(data, start);
  if (byte !== LETTER_L && byte !== LETTER_D) return endOfString(data, start);
  let position = depth === 0 ? NaN : start + 1;
  while (data[position] !== LETTER_E) {
    if (byte === LETTER_D) position = endOfString(data, position);
    position = endOfValue(data, position, depth - 1);
    if (Number.isNaN(position)) return NaN;
  }
  return position + 1;
}

function endOfInteger(data: Uint8Array, start: number): number {
  const isNegative = data[start + 1] === MINUS;
  const end = endOfDigits(data, isNegative ? start + 2 : start + 1, MAX_INTEGER_DIGITS);
  return data[end] === LETTER_E ? end + 1 : NaN;
}

function endOfString(data: Uint8Array, start: number): number {
  const colon = endOfDigits(data, start, MAX_LENGTH_DIGITS);
  if (data[colon] !== COLON) return NaN;
  const end = colon + 1 + Number(Buffer.from(data.subarray(start, colon)).toString('latin1'));
  return end <= data.length ? end : NaN;
}

function endOfDigits(data: Uint8Array, start: number, most: number): number {
  let end = start;
  while (end - start < most && data[end]! >= DIGIT_0 && data[end]! <= DIGIT_9) end++;
  return end > start ? end : NaN;
}

const [LETTER_D, LETTER_E, LETTER_I, LETTER_L, COLON, MINUS, DIGIT_0, DIGIT_9] = [
  0x64, 0x65, 0x69, 0x6c, 0x3a, 0x2d, 0x30, 0x39,
] as const;

const MAX_DEPTH = 16;

// No datagram is longer than five digits.
const MAX_LENGTH_DIGITS = 5;

const MAX_INTEGER_DIGITS = 15;
