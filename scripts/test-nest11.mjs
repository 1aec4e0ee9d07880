/**
 * Type check and tests on Nest 11, in a copy of the project: `npm run test:nest11 -- [arguments of jest]`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyOfProject } from './lib/copy.mjs';
import { JEST, main, run } from './lib/run.mjs';

const NEST_11 = ['common', 'core', 'microservices', 'testing'].map((name) => `@nestjs/${name}@^11.2.0`);

main(async () => {
  const cwd = await copyOfProject();
  try {
    // Without the lock file, which is about Nest 12; nothing here is kept.
    rmSync(join(cwd, 'package-lock.json'));
    await told('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--prefer-offline', ...NEST_11]);
    await told('npm', ['ls', '--depth=0', ...NEST_11.map((each) => each.slice(0, each.lastIndexOf('@')))]);
    await told('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
    await told('node', [...JEST, ...process.argv.slice(2)]);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }

  async function told(command, args) {
    console.log(`\n> ${[command, ...args].join(' ')}`);
    await run(command, args, { cwd });
  }
});
