/**
 * Services and a client under hostile datagrams: `npm run test:fuzz -- --seconds 20 [--seed S] [--rate 1000]`.
 * What is thrown, and what is promised, stands in test/fuzz/main.ts.
 */
import { main, run } from './lib/run.mjs';

main(() =>
  run('node', ['--import', './test/support/ts-loader.mjs', 'test/fuzz/main.ts', ...process.argv.slice(2)]),
);
