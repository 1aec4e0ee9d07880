/**
 * Packs the package as it would be published, looks at the tarball with publint and attw, and installs it into
 * small applications: ESM and CommonJS, on Nest 12 and on Nest 11. Each is compiled and run.
 *
 *     npm run check:package -- [--only-look]   without the applications
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bin, CommandError, main, root, run } from './lib/run.mjs';

const { devDependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const NEST = ['@nestjs/common', '@nestjs/core', '@nestjs/microservices'];

// As an application has them; the package is tried with its own Nest and with the one before.
const BESIDE = {
  'Nest 12': NEST.map((name) => `${name}@${devDependencies[name]}`),
  'Nest 11': NEST.map((name) => `${name}@^11.2.0`),
};

const TOOLS = ['@nestjs/throttler', 'reflect-metadata', 'rxjs', 'typescript', '@types/node'].map(
  (name) => `${name}@${devDependencies[name]}`,
);

const MUST_HOLD = [
  'dist/esm/index.js',
  'dist/esm/index.d.ts',
  'dist/esm/package.json',
  'dist/cjs/index.js',
  'dist/cjs/index.d.ts',
  'dist/cjs/package.json',
  'PROTOCOL.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'README.md',
  'LICENSE',
];

main(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'throttled-udp-package-'));
  try {
    await step('build', () => run('node', ['scripts/build.mjs'], { quiet: true }));
    const tarball = await step('npm pack', () => pack(folder));
    await step('publint', () =>
      run('node', [bin('publint/src/cli.js'), tarball, '--strict'], { quiet: true }),
    );
    await step('attw', () =>
      run('node', [bin('@arethetypeswrong/cli/dist/index.js'), tarball, '--no-emoji'], { quiet: true }),
    );
    if (process.argv.includes('--only-look')) return;
    for (const [nest, packages] of Object.entries(BESIDE)) {
      const place = join(folder, nest.replace(' ', ''));
      await step(`install beside ${nest}`, () => install(place, [tarball, ...packages, ...TOOLS]));
      for (const kind of ['esm', 'cjs'])
        await step(`${kind} application on ${nest}`, () => runApplication(place, kind));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function step(name, task) {
  const startMs = performance.now();
  try {
    const result = await task();
    console.log(`passed  ${name}  (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
    return result;
  } catch (error) {
    console.log(`FAILED  ${name}`);
    throw error;
  }
}

async function pack(folder) {
  // What is built is packed: no script of the package runs.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const output = await run('npm', args, { quiet: 'stdout' });
  const packed = JSON.parse(output);
  const [{ filename, files }] = Array.isArray(packed) ? packed : Object.values(packed);
  const paths = new Set(files.map(({ path }) => path));
  const missing = MUST_HOLD.filter((path) => !paths.has(path));
  if (missing.length > 0) throw new CommandError('npm', args, 'a package', `without ${missing.join(', ')}`);
  return join(folder, filename);
}

async function install(place, packages) {
  cpSync(fileURLToPath(new URL('test/package', root)), place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "name": "consumers", "private": true }\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], {
    cwd: place,
    quiet: true,
  });
}

async function runApplication(place, kind) {
  const cwd = join(place, kind);
  await run('node', [join(place, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd, quiet: true });
  const output = await run('node', ['out/main.js'], { cwd, quiet: true, timeoutMs: 20_000 });
  console.log(`        ${output.trim()}`);
}
