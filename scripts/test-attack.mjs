/**
 * The attacks of test/e2e/attacks at full size, on a machine that has nothing else to do:
 * `npm run test:attack -- [arguments of jest]`. ATTACK_DATAGRAMS says how many datagrams, a million by default.
 */
import { JEST, main, run } from './lib/run.mjs';

const { ATTACK_DATAGRAMS = '1000000' } = process.env;

// One after the other: each would be noise to the others.
main(() =>
  run('node', [...JEST, '--runInBand', 'test/e2e/attacks', ...process.argv.slice(2)], {
    env: { ATTACK_DATAGRAMS },
  }),
);
