import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { AttackLab } from '../../support/attack-lab.js';

const DATAGRAMS = Number(process.env['ATTACK_DATAGRAMS'] ?? 3000);
const MINUTES = 3;
// Ten as they are, one that counts the rest of them, one that counts what nobody could read.
const LINES_A_MINUTE = 12;

describe(`${DATAGRAMS} datagrams that could each cause a line in the log`, () => {
  const lines: string[] = [];

  beforeAll(() => {
    const write = (message: unknown): void => void lines.push(String(message));
    Logger.overrideLogger({ log: () => undefined, error: write, warn: write, fatal: write });
  });
  afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

  let lab: AttackLab;
  afterEach(() => lab.close());

  it(`cause at most ${LINES_A_MINUTE} a minute`, async () => {
    lab = await AttackLab.open({ addressValidation: false });
    const { clock } = lab;
    const stranger = await lab.stranger();
    lines.length = 0;
    for (let minute = 0; minute < MINUTES; minute++) {
      for (let sent = 0; sent < DATAGRAMS / MINUTES; sent += 4) {
        // Too large to be given back in one datagram.
        stranger.say(`{"pattern":"echo","data":"${'x'.repeat(1300)}","id":${minute * DATAGRAMS + sent}}`);
        stranger.say('no JSON at all');
        stranger.say(`{"pattern":"nobody ${sent}","data":1}`);
        stranger.say(`{"pattern":"echo","data":1,"id":"${'i'.repeat(2000)}${sent}"}`);
        if (sent % 80 === 0) await clock.advance(2);
      }
      await clock.advance(60_000);
    }
    process.stdout.write(`${DATAGRAMS} datagrams in ${MINUTES} minutes: ${lines.length} lines\n`);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(LINES_A_MINUTE * (MINUTES + 1));
    for (const line of lines) expect(line.length).toBeLessThan(1000);
  }, 600_000);
});
