import { describe, expect, it } from '@jest/globals';
import { Program } from '../../test/support/programs.js';

const MAIN = 'sample/03-budget-per-peer/main.ts';

/** What the program prints of one client in one run. */
interface Row {
  readonly accepted: number;
  readonly answered: number;
  readonly p50: number;
  readonly p99: number;
}

describe('03-budget-per-peer', () => {
  it('shows that a noisy client starves the others, until each has a budget', async () => {
    const program = new Program(MAIN, ['--port', '0', '--seconds', '4']);
    expect(await program.ended).toBe(0);
    for (const name of ['web', 'api', 'ops']) {
      const [before, after] = rowsOf(name, program.lines);
      // It loses next to nothing, where it lost most: the server can take a fifth of all that comes.
      expect(1 - after.accepted).toBeLessThan((1 - before.accepted) / 2);
      // Requests are sent again: given time, all may be answered without a budget too.
      expect(after.answered).toBeGreaterThanOrEqual(before.answered);
      expect(after.p50).toBeLessThan(before.p50);
      expect(after.p99).toBeLessThanOrEqual(before.p99);
    }
    const [before, after] = rowsOf('noisy', program.lines);
    expect(after.accepted).toBeLessThan(before.accepted);
  });

  it('refuses an argument that is not clear', async () => {
    const program = new Program(MAIN, ['--budget', '25 kbps']);
    await program.line(/--budget/);
    expect(await program.ended).toBe(1);
  });
});

/** Those of the first run, and of the second. */
function rowsOf(name: string, lines: readonly string[]): [Row, Row] {
  const [before, after] = lines.filter((line) => line.startsWith(`${name} `)).map(asRow);
  if (before === undefined || after === undefined)
    throw new Error(`no rows of ${name}:\n${lines.join('\n')}`);
  return [before, after];
}

function asRow(line: string): Row {
  const [, accepted, sent, answered, asked, p50, p99] = (ROW.exec(line) ?? []) as string[];
  return {
    accepted: Number(accepted) / Number(sent),
    answered: Number(answered) / Number(asked),
    p50: timeOf(p50),
    p99: timeOf(p99),
  };
}

function timeOf(text = ''): number {
  return text.startsWith('>') ? Infinity : Number(text);
}

const ROW = /(\d+) of (\d+) +\d+ % +(\d+) of (\d+) +(>? ?[\d.]+) ms +(>? ?[\d.]+) ms/;
