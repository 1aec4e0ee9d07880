import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { AttackLab } from '../support/attack-lab.js';
import { withoutLog } from '../support/without-log.js';

/** A datagram that has done harm once. */
interface Finding {
  /** What was wrong. */
  readonly what: string;
  /** Texts, each so many times. */
  readonly datagram: readonly (readonly [text: string, times: number])[];
  /** How often it is sent. */
  readonly copies: number;
  /** How often its handler runs in all; missing where that is not the question. */
  readonly runs?: number;
}

const FINDINGS = JSON.parse(
  readFileSync(new URL('findings.json', import.meta.url), 'utf8'),
) as readonly Finding[];

describe('datagrams that have done harm once', () => {
  withoutLog();

  let lab: AttackLab;
  afterEach(() => lab.close());

  it.each(FINDINGS)('$what', async ({ datagram, copies, runs }) => {
    lab = await AttackLab.open({ addressValidation: false });
    const { clock, client } = lab;
    const stranger = await lab.stranger();
    const text = datagram.map(([piece, times]) => piece.repeat(times)).join('');
    for (let copy = 0; copy < copies; copy++) {
      stranger.say(text);
      await clock.advance(5);
    }
    if (runs !== undefined) expect(lab.runs).toHaveLength(runs);
    const answer = firstValueFrom(client.send('echo', 'still there'));
    await clock.advance(10);
    expect(await answer).toBe('still there');
  });
});
