import { expect, it } from '@jest/globals';
import { Program } from '../support/programs.js';

it('what was read is handed on although the process hears of errors that nobody has caught', async () => {
  const program = new Program('test/programs/failing-handlers.ts');
  await program.line(/^handled 400$/);
  expect(await program.ended).toBe(0);
});
