/** Builds dist/esm and dist/cjs; the two small package.json files tell Node which is which. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { bin, root, run } from './lib/run.mjs';

const { sideEffects } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

rmSync(new URL('dist/esm', root), { recursive: true, force: true });
rmSync(new URL('dist/cjs', root), { recursive: true, force: true });
await run('node', [bin('@nestjs/cli/bin/nest.js'), 'build']);
await run('node', [bin('typescript/bin/tsc'), '-p', 'tsconfig.cjs.json']);
mark('dist/esm', 'module');
mark('dist/cjs', 'commonjs');

function mark(folder, type) {
  mkdirSync(new URL(folder, root), { recursive: true });
  writeFileSync(new URL(`${folder}/package.json`, root), `${JSON.stringify({ type, sideEffects })}\n`);
}
