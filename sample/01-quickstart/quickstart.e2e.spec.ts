import { describe, expect, it } from '@jest/globals';
import { Program } from '../../test/support/programs.js';
import { RawPeer } from '../../test/support/raw-peer.js';

const MAIN = 'sample/01-quickstart/main.ts';

describe('01-quickstart', () => {
  it('keeps the limit, answers by hand, and ends by itself with a summary', async () => {
    const program = new Program(MAIN, ['--port', '0', '--seconds', '4']);
    const [, port] = await program.line(/microservice on 127\.0\.0\.1:(\d+)/);
    const peer = await RawPeer.open();
    expect(await peer.ask({ pattern: 'sum', data: [1, 2, 3], id: '1' }, Number(port))).toEqual({
      id: '1',
      response: 6,
      isDisposed: true,
    });
    await peer.close();
    const [, shown] = await program.line(/^ +3 s .* (\d+\.\d) of 100\.0 kB\/s .* dropped [1-9]/);
    expect(Number(shown)).toBeLessThan(103);
    expect(await program.ended).toBe(0);
    const [, rate] = await program.line(/, (\d+\.\d) kB\/s of 100\.0 kB\/s/);
    // The burst that a bucket starts with is 2 kB: half a per cent of four seconds.
    expect(Number(rate)).toBeLessThan(102);
    await program.line(/client: \d+ asked, [1-9]\d* answered, [1-9]\d* told of overflow/);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly on %s', async (signal) => {
    const program = new Program(MAIN, ['--port', '0']);
    await program.line(/^ +1 s /);
    program.kill(signal);
    expect(await program.ended).toBe(0);
    await program.line(/client: \d+ asked/);
  });
});
