import { expect, it } from '@jest/globals';
import { Program } from '../../test/support/programs.js';

it('04-workers answers with each of its workers, or says which Node it needs', async () => {
  const program = new Program('sample/04-workers/main.ts', ['--workers', '2', '--seconds', '1']);
  expect(await program.ended).toBe(0);
  if (/need Node 22\.12 or later/.test(program.lines[0] ?? '')) {
    process.stdout.write(`sample 04 has not run: ${program.lines[0]}\n`);
    return;
  }
  expect(program.lines[0]).toMatch(
    /^1 worker: \d+ answers a second, 1\.00x of one, 0 failed; by worker \d+$/,
  );
  expect(program.lines[1]).toMatch(
    /^2 workers: \d+ answers a second, \d\.\d\dx of one, 0 failed; by worker \d+ \d+$/,
  );
});
