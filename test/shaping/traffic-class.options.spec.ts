import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolveTrafficClasses } from '../../src/shaping/traffic-class.options.js';

const CONTROL = { share: 0.25, weight: 9 };
const INTERACTIVE = { share: 0.5, weight: 3 };
const BULK = { share: 0.05, weight: 1 };

describe('resolveTrafficClasses', () => {
  it.each([
    [undefined, [CONTROL, INTERACTIVE, BULK]],
    [{}, [CONTROL, INTERACTIVE, BULK]],
    [{ bulk: { share: 0.2 } }, [CONTROL, INTERACTIVE, { share: 0.2, weight: 1 }]],
    [{ control: { weight: 0.5 } }, [{ share: 0.25, weight: 0.5 }, INTERACTIVE, BULK]],
    [
      { control: { share: 0 }, interactive: { share: 1 }, bulk: { share: 0 } },
      [
        { share: 0, weight: 9 },
        { share: 1, weight: 3 },
        { share: 0, weight: 1 },
      ],
    ],
  ])('reads %j', (value, terms) => {
    expect(resolveTrafficClasses(value, 'trafficClasses')).toEqual(terms);
  });

  it.each([
    [5, 'trafficClasses', 'must be an object, got 5'],
    [{ bulk: 0.2 }, 'trafficClasses.bulk', 'must be an object, got 0.2'],
    [{ bulk: { share: 1.5 } }, 'trafficClasses.bulk.share', 'must be a number from 0 to 1, got 1.5'],
    [{ bulk: { share: -1 } }, 'trafficClasses.bulk.share', 'must be a number from 0 to 1, got -1'],
    [{ bulk: { weight: 0 } }, 'trafficClasses.bulk.weight', 'must be a number above 0, got 0'],
    [{ bulk: { weigth: 1 } }, 'trafficClasses.bulk.weigth', 'is not an option; known here: share, weight'],
    [{ bulk: { share: 0.5 } }, 'trafficClasses', 'must have shares of 1 in all at most, got 1.25'],
    [{ urgent: {} }, 'trafficClasses.urgent', 'is not an option; known here: bulk, control, interactive'],
  ])('refuses %j: %s %s', (value, field, problem) => {
    expect(() => resolveTrafficClasses(value, 'trafficClasses')).toThrow(
      new InvalidOptionError(field, problem),
    );
  });
});
