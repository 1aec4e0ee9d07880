import { InvalidOptionError } from './invalid-option.error.js';

/**
 * Reads one option object field by field and, at the end, refuses what nobody asked for: a misspelt option
 * must not pass as a default.
 */
export class OptionReader {
  readonly #source: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  /**
   * @param source the object a user wrote; `undefined` reads as empty
   * @param path how the object is named in messages: `''` at the top, `'upload'` inside
   * @throws {InvalidOptionError} `source` is not an object
   */
  constructor(
    source: unknown,
    private readonly path: string,
  ) {
    if (source !== undefined && (typeof source !== 'object' || source === null || Array.isArray(source))) {
      throw new InvalidOptionError(path || 'options', `must be an object, got ${show(source)}`);
    }
    this.#source = (source ?? {}) as Record<string, unknown>;
  }

  /** Full name of a field, as messages show it. */
  field(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  /** A value of any kind; `undefined` when it is missing. */
  any(key: string): unknown {
    this.#known.add(key);
    return this.#source[key];
  }

  /** The value as another reader understands it, or `fallback` when it is missing. */
  read<T>(key: string, parse: (value: unknown, field: string) => T, fallback: T): T {
    const value = this.any(key);
    return value === undefined ? fallback : parse(value, this.field(key));
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.read(key, asBoolean, fallback);
  }

  string(key: string, fallback: string): string {
    return this.read(key, asText, fallback);
  }

  /** A port, 0 to 65535. */
  port(key: string, fallback: number): number {
    return this.read(key, (value, field) => asInteger(value, field, 0, 65_535), fallback);
  }

  /** A whole number in a range, both ends included. */
  integer<F extends number | undefined>(key: string, min: number, max: number, fallback: F): number | F {
    return this.read<number | F>(key, (value, field) => asInteger(value, field, min, max), fallback);
  }

  /** A duration in milliseconds: 0 or more, `Infinity` allowed. */
  duration(key: string, fallback: number): number {
    return this.read(key, asDuration, fallback);
  }

  /** One of a few words. */
  oneOf<T extends string>(key: string, words: readonly T[], fallback: T): T {
    return this.read(key, (value, field) => asWord(value, field, words), fallback);
  }

  /** An object with the named methods, or `undefined`. */
  implementing<T extends object>(key: string, methods: readonly (keyof T & string)[]): T | undefined {
    const value = this.any(key);
    if (value === undefined) return undefined;
    const missing = methods.filter(
      (method) => typeof (value as Record<string, unknown> | null)?.[method] !== 'function',
    );
    if (missing.length > 0) {
      throw new InvalidOptionError(this.field(key), `must have the method ${missing.join('() and ')}()`);
    }
    return value as T;
  }

  /**
   * To be called last.
   *
   * @throws {InvalidOptionError} a field was given that no call above has asked for
   */
  refuseUnknown(): void {
    for (const key of Object.keys(this.#source)) {
      if (this.#known.has(key) || this.#source[key] === undefined) continue;
      throw new InvalidOptionError(
        this.field(key),
        `is not an option; known here: ${[...this.#known].sort().join(', ')}`,
      );
    }
  }
}

/** A value as messages show it: short, and never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}...` : value}'`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

function asBoolean(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean')
    throw new InvalidOptionError(field, `must be true or false, got ${show(value)}`);
  return value;
}

function asText(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new InvalidOptionError(field, `must be a text that is not empty, got ${show(value)}`);
  }
  return value;
}

function asInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new InvalidOptionError(field, `must be a whole number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

/** A duration in milliseconds, for readers that ask for more than {@link OptionReader.duration} does. */
export function asDuration(value: unknown, field: string): number {
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
    throw new InvalidOptionError(
      field,
      `must be a number of milliseconds that is not negative, got ${show(value)}`,
    );
  }
  return value;
}

function asWord<T extends string>(value: unknown, field: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) {
    throw new InvalidOptionError(
      field,
      `must be one of ${words.map((w) => `'${w}'`).join(', ')}, got ${show(value)}`,
    );
  }
  return word;
}
