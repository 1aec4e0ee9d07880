import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { DEFAULT_RANK, rankOf, TRAFFIC_CLASSES } from '../../src/common/traffic-class.js';

describe('rankOf', () => {
  it('is the place in the order of turns', () => {
    expect(TRAFFIC_CLASSES.map((name) => rankOf(name))).toEqual([0, 1, 2]);
    expect(TRAFFIC_CLASSES[DEFAULT_RANK]).toBe('interactive');
  });

  it.each([['urgent', "'urgent'"] as const, [1, '1'] as const, [undefined, 'undefined'] as const])(
    'refuses %p',
    (name, shown) => {
      expect(() => rankOf(name, 'trafficClass')).toThrow(
        new InvalidOptionError(
          'trafficClass',
          `must be one of 'control', 'interactive', 'bulk', got ${shown}`,
        ),
      );
    },
  );
});
