import { InvalidOptionError } from './invalid-option.error.js';
import { show } from './option-reader.js';

/**
 * Whose turn it is where not everybody can go at once: `control` before `interactive` before `bulk`, each
 * strictly first only within its share, so that none is ever starved.
 */
export type TrafficClassName = 'control' | 'interactive' | 'bulk';

/** Place of a class in {@link TRAFFIC_CLASSES}: 0 goes first. */
export type ClassRank = 0 | 1 | 2;

/** The classes, first one first. */
export const TRAFFIC_CLASSES: readonly TrafficClassName[] = ['control', 'interactive', 'bulk'];

/** The class of the smallest words between transports. */
export const CONTROL_RANK: ClassRank = 0;

/** The class of what says nothing else. */
export const DEFAULT_RANK: ClassRank = 1;

/** @throws {InvalidOptionError} a name that is no class */
export function rankOf(name: unknown, field = 'trafficClass'): ClassRank {
  const rank = TRAFFIC_CLASSES.indexOf(name as TrafficClassName);
  if (rank >= 0) return rank as ClassRank;
  const names = TRAFFIC_CLASSES.map((known) => `'${known}'`).join(', ');
  throw new InvalidOptionError(field, `must be one of ${names}, got ${show(name)}`);
}
