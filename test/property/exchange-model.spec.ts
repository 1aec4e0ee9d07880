import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '../../src/testing/index.js';
import { scriptOf, ScriptRun } from '../support/exchange-script.js';
import { seed } from './seed.js';
import { withoutLog } from '../support/without-log.js';

// `npm run test:soak` runs more of them.
const SCRIPTS = Number(process.env['FC_RUNS'] ?? 2000);

describe(`the exchange on bad networks (seed ${seed})`, () => {
  withoutLog();

  it(
    `keeps its promises in ${SCRIPTS} random scripts`,
    async () => {
      const seeds = new SeededRandom(seed);
      const ends = new Map<string, number>();
      for (let count = 0; count < SCRIPTS; count++) {
        const ofScript = seeds.below(2 ** 32);
        const script = scriptOf(new SeededRandom(ofScript));
        const run = new ScriptRun(script, ofScript);
        const problems = await run.run();
        expect({ script: ofScript, network: run.describe(), problems }).toEqual({
          script: ofScript,
          network: run.describe(),
          problems: [],
        });
        for (const {
          ends: [end = ''],
        } of run.outcomes)
          ends.set(end, (ends.get(end) ?? 0) + 1);
      }
      process.stdout.write(`${SCRIPTS} scripts, seed ${seed}: ${JSON.stringify(Object.fromEntries(ends))}\n`);
    },
    SCRIPTS * 1000,
  );
});
