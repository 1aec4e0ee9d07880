/** A source of random numbers in [0, 1) that a seed repeats (a 32-bit xorshift). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Random datagrams: noise, noise between braces, and pieces of real packets. */
export function seededBytes(seed: number): () => Buffer {
  const random = seededRandom(seed);
  const piece = (): string => PIECES[Math.floor(random() * PIECES.length)] ?? '';
  return () => {
    const length = Math.floor(random() ** 4 * 1500);
    const noise = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
    const kind = random();
    if (kind < 0.4) return noise;
    if (kind < 0.6) return Buffer.concat([Buffer.from('{'), noise, Buffer.from('}')]);
    return Buffer.from(Array.from({ length: 1 + Math.floor(random() * 9) }, piece).join(''));
  };
}

const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"pattern"',
  '"echo"',
  '"id"',
  '"data"',
  '1',
  '"x"',
  'null',
  '1e999',
];
