import { hexAt } from '../common/hex.js';
import { hashOfText } from '../common/text-hash.js';

/** Writes the 128 bits of a key into four words. */
export type WordsOf = (key: string, words: Uint32Array) => void;

/** Of a key that is 32 lower case hexadecimal digits: those themselves. */
export const hexWords: WordsOf = (key, words) => {
  for (let word = 0; word < 4; word++) words[word] = hexAt(key, 8 * word, 8);
};

/** Of any other text: four hashes. @param seeds four random words, so that nobody can look for keys that meet */
export function hashWords(seeds: readonly number[]): WordsOf {
  return (key, words) => seeds.forEach((seed, index) => (words[index] = hashOfText(key, seed)));
}
