import { InvalidOptionError } from '../common/invalid-option.error.js';
import { OptionReader, show } from '../common/option-reader.js';
import { TRAFFIC_CLASSES } from '../common/traffic-class.js';

/** What one class gets where several compete. */
export interface TrafficClassOptions {
  /** Part of the rate, 0 to 1, within which the class goes before all those below it. The shares add up to 1 at most. */
  readonly share?: number;
  /** Its part of what is left above all shares, in relation to the other classes' weights; above 0. */
  readonly weight?: number;
}

/** How the classes divide a rate that is too small for all. */
export interface TrafficClassesOptions {
  /** @default { share: 0.25, weight: 9 } */
  readonly control?: TrafficClassOptions;
  /** @default { share: 0.5, weight: 3 } */
  readonly interactive?: TrafficClassOptions;
  /** Its share is the floor that it never falls below. @default { share: 0.05, weight: 1 } */
  readonly bulk?: TrafficClassOptions;
}

/** {@link TrafficClassOptions} after reading. */
export interface ClassTerms {
  readonly share: number;
  readonly weight: number;
}

/**
 * @returns terms by rank
 * @throws {InvalidOptionError} naming the field
 */
export function resolveTrafficClasses(value: unknown, field: string): readonly ClassTerms[] {
  const reader = new OptionReader(value, field);
  const terms = TRAFFIC_CLASSES.map((name, rank) =>
    resolveClass(reader.any(name), reader.field(name), DEFAULT_TERMS[rank] as ClassTerms),
  );
  reader.refuseUnknown();
  const sum = terms.reduce((total, { share }) => total + share, 0);
  if (sum > 1 + ROUNDING)
    throw new InvalidOptionError(field, `must have shares of 1 in all at most, got ${sum}`);
  return Object.freeze(terms);
}

function resolveClass(value: unknown, field: string, defaults: ClassTerms): ClassTerms {
  const reader = new OptionReader(value, field);
  const terms = {
    share: reader.read('share', asShare, defaults.share),
    weight: reader.read('weight', asWeight, defaults.weight),
  };
  reader.refuseUnknown();
  return Object.freeze(terms);
}

function asShare(value: unknown, field: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new InvalidOptionError(field, `must be a number from 0 to 1, got ${show(value)}`);
}

function asWeight(value: unknown, field: string): number {
  if (typeof value === 'number' && value > 0 && value < Infinity) return value;
  throw new InvalidOptionError(field, `must be a number above 0, got ${show(value)}`);
}

export const DEFAULT_TERMS: readonly ClassTerms[] = [
  { share: 0.25, weight: 9 },
  { share: 0.5, weight: 3 },
  { share: 0.05, weight: 1 },
];

const ROUNDING = 1e-9;
