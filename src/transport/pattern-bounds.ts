/**
 * Whether a pattern object is small enough to be looked at: Nest's normalizer works through all of it by calling
 * itself, and peers write what they like.
 *
 * @param maxLength most characters of all its keys and texts together
 */
export function isBoundedPattern(pattern: object, maxLength: number): boolean {
  let keysLeft = MAX_KEYS;
  let lengthLeft = maxLength;
  const isBounded = (value: unknown, depth: number): boolean => {
    if (typeof value === 'string') return (lengthLeft -= value.length) >= 0;
    if (typeof value !== 'object' || value === null) return true;
    if (depth > MAX_DEPTH) return false;
    // A list may be long, and its keys are made one by one: its length says enough.
    if (Array.isArray(value) && value.length > keysLeft) return false;
    for (const key in value) {
      lengthLeft -= key.length;
      if (--keysLeft < 0 || lengthLeft < 0) return false;
      if (!isBounded((value as Record<string, unknown>)[key], depth + 1)) return false;
    }
    return true;
  };
  return isBounded(pattern, 1);
}

/** Objects in objects, the pattern itself included. */
export const MAX_DEPTH = 8;

/** Keys of all of these together. */
export const MAX_KEYS = 64;

/** Of a pattern that is a text; a longer one can be registered. */
export const MAX_PATTERN_LENGTH = 1024;
