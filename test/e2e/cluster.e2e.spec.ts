import { expect, it } from '@jest/globals';
import { Program } from '../support/programs.js';

it('workers of node:cluster ask over sockets of their own, and share none for a codec with the exchange', async () => {
  const program = new Program('test/programs/cluster-workers.ts');
  expect(await program.ended).toBe(0);
  const ports = new Set<string | undefined>();
  for (const name of [1, 2]) {
    const lines = program.lines.filter((line) => line.startsWith(`worker ${name}: `));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/: 50 right, from port \d+$/);
    ports.add(lines[0]?.split(' ').at(-1));
    expect(lines[1]).toMatch(/: JSON socket\.reusePort must be true in a worker of node:cluster/);
    expect(lines[2]).toMatch(/: RAW listens$/);
  }
  expect(ports.size).toBe(2);
});
