import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';

/**
 * A bandwidth: bytes per second as a number, or a text with its unit.
 *
 * `'100 B/s'`, `'64 KiB/s'`, `'1 MB/s'`, `'10 Mbit/s'`: `k`, `M`, `G` are powers of 1000, `Ki`, `Mi`, `Gi`
 * powers of 1024 (IEC 80000-13), `bit` are bits. `0`, `Infinity` and `'unlimited'` lift the limit.
 */
export type Rate = number | string;

/**
 * Reads a {@link Rate}.
 *
 * @param value what a user wrote
 * @param field name of the option, for the message
 * @returns bytes per second, above 0; `Infinity` means unlimited
 * @throws {InvalidOptionError} negative, not a number, or a text that is not clear about its unit
 */
export function parseRate(value: unknown, field = 'rate'): number {
  const bytesPerSecond = typeof value === 'string' ? fromText(value, field) : value;
  if (typeof bytesPerSecond !== 'number' || Number.isNaN(bytesPerSecond)) {
    throw new InvalidOptionError(
      field,
      `must be bytes per second or a text such as '100 kB/s', got ${show(value)}`,
    );
  }
  if (bytesPerSecond < 0) throw new InvalidOptionError(field, `must not be negative, got ${show(value)}`);
  return bytesPerSecond === 0 ? Infinity : bytesPerSecond;
}

/**
 * Writes a rate so that {@link parseRate} gives the very same number back.
 *
 * @param bytesPerSecond above 0; 0 and `Infinity` are written `unlimited`
 */
export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond === Infinity || bytesPerSecond === 0) return UNLIMITED;
  for (const [prefix, factor] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (bytesPerSecond < factor) continue;
    const text = `${bytesPerSecond / factor} ${prefix}B/s`;
    // Some quotients do not multiply back to the same float: those are written in plain bytes.
    if (parseRate(text) === bytesPerSecond) return text;
  }
  return `${bytesPerSecond} B/s`;
}

function fromText(text: string, field: string): number {
  if (text.trim() === UNLIMITED) return Infinity;
  const match = RATE_TEXT.exec(text);
  if (match === null) throw new InvalidOptionError(field, `is not clear: ${show(text)}; ${hintFor(text)}`);
  const [, digits, prefix, unit] = match as unknown as [string, string, Prefix | undefined, 'B' | 'bit'];
  const scaled = Number(digits) * (prefix === undefined ? 1 : FACTORS[prefix]);
  return unit === 'bit' ? scaled / 8 : scaled;
}

/** What somebody may have meant who wrote a text we refuse. */
function hintFor(text: string): string {
  const compact = text.replaceAll(' ', '').toLowerCase();
  if (compact.endsWith('bps'))
    return "'bps' is read as bits by some and as bytes by others: write 'Mbit/s' or 'MB/s'";
  if (/^[\d.]+(e[+-]?\d+)?$/.test(compact))
    return `a text needs its unit: write '${text.trim()} B/s', or a number`;
  if (compact.startsWith('-')) return 'a rate must not be negative';
  if (/[kmg]?b\/s$/.test(compact))
    return "write 'kB/s', 'MB/s', 'GB/s' (powers of 1000), 'KiB/s' (1024) or 'Mbit/s'";
  if (/^[\d.e+]+[kmg]?i?(b|bit)$/.test(compact)) return "a rate needs its time: write '/s' at the end";
  return "write for example '100 B/s', '64 KiB/s', '1 MB/s' or '10 Mbit/s'";
}

type Prefix = keyof typeof FACTORS;

const UNLIMITED = 'unlimited';

const FACTORS = { k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const;

// Case matters on purpose: 'Mb/s' and 'MB/s' differ by a factor of eight.
const RATE_TEXT = /^\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(k|M|G|Ki|Mi|Gi)?(B|bit)\/s\s*$/;
