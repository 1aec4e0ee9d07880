/**
 * The properties, with many runs: `npm run test:soak [-- arguments of jest]`. FC_RUNS says how many.
 */
import { JEST, main, run } from './lib/run.mjs';

const FC_RUNS = process.env.FC_RUNS ?? '100000';

main(async () => {
  const jestArgs = process.argv.slice(2);
  await run('node', [...JEST, ...(jestArgs.length > 0 ? jestArgs : ['test/property'])], { env: { FC_RUNS } });
});
