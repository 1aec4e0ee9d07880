import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';

/** A number of bytes, or a text with its unit: `'1500 B'`, `'64 KiB'`, `'16 MiB'`, `'1 MB'`. */
export type ByteSize = number | string;

/**
 * Reads a {@link ByteSize}.
 *
 * @param value what a user wrote
 * @param field name of the option, for the message
 * @returns whole bytes, 1 or more and finite: sizes are bounds, and a bound has an end; a part of a byte is left out
 * @throws {InvalidOptionError} less than one, infinite, not a number, or a text without a unit
 */
export function parseByteSize(value: unknown, field = 'size'): number {
  const bytes = typeof value === 'string' ? fromText(value, field) : value;
  if (typeof bytes !== 'number' || Number.isNaN(bytes)) {
    throw new InvalidOptionError(field, `must be bytes or a text such as '64 KiB', got ${show(value)}`);
  }
  if (bytes === Infinity) throw new InvalidOptionError(field, 'must be finite');
  if (bytes < 1) throw new InvalidOptionError(field, `must be at least 1 byte, got ${show(value)}`);
  return Math.floor(bytes);
}

/**
 * Reads sizes that have a bound of their own.
 *
 * @param most bytes
 * @throws {InvalidOptionError} also what is more
 */
export function byteSizeUpTo(most: number): (value: unknown, field: string) => number {
  return (value, field) => {
    const bytes = parseByteSize(value, field);
    if (bytes <= most) return bytes;
    throw new InvalidOptionError(field, `must be at most ${most} bytes, got ${show(value)}`);
  };
}

function fromText(text: string, field: string): number {
  const match = SIZE_TEXT.exec(text);
  if (match === null) {
    throw new InvalidOptionError(
      field,
      `is not clear: ${show(text)}; write for example '1500 B', '64 KiB' or '1 MB'`,
    );
  }
  const [, digits, prefix] = match as unknown as [string, string, keyof typeof FACTORS | undefined];
  return Number(digits) * (prefix === undefined ? 1 : FACTORS[prefix]);
}

const FACTORS = { k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const;

const SIZE_TEXT = /^\s*(\d+(?:\.\d+)?)\s*(k|M|G|Ki|Mi|Gi)?B\s*$/;
