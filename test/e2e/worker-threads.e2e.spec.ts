import { expect, it } from '@jest/globals';
import { Program } from '../support/programs.js';

it('threads of one process serve and ask each other, each over sockets of its own', async () => {
  const program = new Program('test/programs/worker-threads.ts');
  expect(await program.ended).toBe(0);
  const told = program.lines.filter((line) => line.includes('right')).sort();
  expect(told).toEqual([
    expect.stringMatching(/^main thread: 200 right, a text of 100000, driver (batch|node)$/),
    // It is for the main thread alone: Node ends others without asking.
    expect.stringMatching(/^worker thread: 200 right, a text of 100000, driver node$/),
  ]);
  const refusals = program.lines.filter((line) => line.includes('batch driver cannot be used'));
  expect(refusals).toEqual([expect.stringMatching(/^worker thread: .*this is a worker thread$/)]);
});
