import { expect, it } from '@jest/globals';
import { Program } from '../support/programs.js';

it.each([
  ['auto', /driver (batch|node)$/, /driver node$/],
  ['batch', /driver batch$/, /driver batch$/],
])(
  'threads of one process serve and ask each other, each over sockets of its own, with driver %s',
  async (DRIVER, ofMain, ofWorker) => {
    const program = new Program('test/programs/worker-threads.ts', [], { DRIVER });
    expect(await program.ended).toBe(0);
    const told = program.lines.filter((line) => line.includes('right')).sort();
    expect(told).toEqual([
      expect.stringMatching(/^main thread: 200 right, a text of 100000, /),
      expect.stringMatching(/^worker thread: 200 right, a text of 100000, /),
    ]);
    expect(told[0]).toMatch(ofMain);
    expect(told[1]).toMatch(ofWorker);
  },
);
