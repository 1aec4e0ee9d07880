import { describe, expect, it } from '@jest/globals';
import { readSettings } from './settings.js';

describe('readSettings', () => {
  it('knows what to do unless told', () => {
    expect(readSettings([])).toEqual({ port: 12_347, seconds: 6, budget: 25_000 });
  });

  it('reads every argument', () => {
    const args = ['--port', '0', '--seconds', '20', '--budget', '10 kB/s'];
    expect(readSettings(args)).toEqual({ port: 0, seconds: 20, budget: 10_000 });
  });

  it.each([
    ['--port', ''],
    ['--port', '65536'],
    ['--seconds', '1'],
    ['--seconds', '0x1F'],
    ['--seconds', 'Infinity'],
    ['--budget', 'fast'],
    ['--budget', '0'],
    ['--budget', '100 kB/s'],
    ['--speed', '1'],
  ])('names %s when it is %j', (name, value) => {
    expect(() => readSettings([name, value])).toThrow(name);
  });
});
