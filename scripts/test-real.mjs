/**
 * The tests whose figures are about time, at full length and held to what is promised, on a machine that has
 * nothing else to do: `npm run test:real -- [arguments of jest]`. `REAL_SECONDS` sets another length.
 */
import { JEST, main, run } from './lib/run.mjs';

const { REAL_SECONDS = '60' } = process.env;

main(() => run('node', [...JEST, 'test/e2e/fairness', ...process.argv.slice(2)], { env: { REAL_SECONDS } }));
