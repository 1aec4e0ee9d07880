/**
 * All that must hold before a push; stops at the first that does not: `npm run check -- [--skip test,package]`.
 */
import { parseArgs } from 'node:util';
import { bin, JEST, run } from './lib/run.mjs';

const STEPS = [
  { name: 'prettier', args: [bin('prettier/bin/prettier.cjs'), '--check', '.'], hint: 'npm run format' },
  {
    name: 'oxlint',
    args: [bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'],
    hint: 'npm run lint',
  },
  { name: 'tsc', args: [bin('typescript/bin/tsc'), '-p', 'tsconfig.json'], hint: 'npm run typecheck' },
  { name: 'test', args: JEST, hint: 'npm test' },
  // Builds, and looks at the tarball with publint and attw.
  { name: 'package', args: ['scripts/check-package.mjs', '--only-look'], hint: 'npm run check:package' },
];

const { values } = parseArgs({ options: { skip: { type: 'string', default: '' } } });
const skipped = new Set(values.skip.split(',').filter((name) => name !== ''));
const unknown = [...skipped].filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`--skip knows ${STEPS.map(({ name }) => name).join(', ')}; got ${unknown.join(', ')}`);
  process.exit(2);
}

for (const { name, args, hint } of STEPS) {
  if (skipped.has(name)) {
    console.log(`\n== ${name}: skipped`);
    continue;
  }
  console.log(`\n== ${name}`);
  try {
    await run('node', args);
  } catch {
    console.error(`\nFAILED: ${name} (by itself: ${hint})`);
    process.exit(1);
  }
}

const notDone = skipped.size === 0 ? '' : `, without ${[...skipped].join(', ')}`;
console.log(`\nAll checks passed${notDone}.`);
