/**
 * Type check and tests on Nest 11, in a copy of the project: `npm run test:nest11 -- [arguments of jest]`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyOfProject } from './lib/copy.mjs';
import { JEST, main, run } from './lib/run.mjs';

// Those of Nest's packages that share its version.
const NEST = ['common', 'core', 'microservices', 'platform-express', 'platform-fastify', 'testing'];

main(async () => {
  const cwd = await copyOfProject();
  try {
    const packages = asNest11(cwd);
    await told('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline']);
    await told('npm', ['ls', '--depth=0', ...packages]);
    const failed = [];
    // One does not hide the other.
    await told('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']).catch((error) =>
      failed.push(error),
    );
    await told('node', [...JEST, ...process.argv.slice(2)]).catch((error) => failed.push(error));
    if (failed.length > 0) throw new Error(failed.map(({ message }) => message).join('\n'));
    console.log('\nType check and tests passed on Nest 11.');
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }

  async function told(command, args) {
    console.log(`\n> ${[command, ...args].join(' ')}`);
    await run(command, args, { cwd });
  }
});

/** Asks for Nest 11 in a copy, and forgets the lock file, which is about Nest 12. */
function asNest11(cwd) {
  const file = join(cwd, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  const packages = NEST.map((name) => `@nestjs/${name}`).filter((name) => name in manifest.devDependencies);
  for (const name of packages) manifest.devDependencies[name] = '^11.2.0';
  writeFileSync(file, JSON.stringify(manifest, null, 2));
  rmSync(join(cwd, 'package-lock.json'));
  return packages;
}
