import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ThrottledUdpTransport } from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';
import { DropSummary } from '../../src/transport/drop-summary.js';

describe('DropSummary', () => {
  it('says once a minute what was dropped, the most first, and nothing else', async () => {
    const { clock, drops, log } = setUp();
    drops.count('overflow');
    drops.count('busy');
    drops.count('closing');
    expect(clock.pendingTimers).toBe(0);
    for (let nth = 0; nth < 3; nth++) drops.count('no-handler');
    for (let nth = 0; nth < 120; nth++) drops.count('malformed: not JSON');
    drops.count('unknown-control');
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(60_000);
    expect(log).toEqual([
      'dropped in the last minute: malformed: not JSON 120, no-handler 3, unknown-control 1',
    ]);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(600_000);
    expect(log).toHaveLength(1);
    drops.count('no-handler');
    await clock.advance(60_000);
    expect(log.slice(1)).toEqual(['dropped in the last minute: no-handler 1']);
  });

  it('is short, whatever a codec takes for reasons', async () => {
    const { clock, drops, log } = setUp();
    for (let nth = 0; nth < 1000; nth++) drops.count(`malformed: ${nth} ${'x'.repeat(1000)}`);
    await clock.advance(60_000);
    expect(log[0]).toMatch(/other 936, .*, 57 other reasons$/);
    expect(log[0]?.length).toBeLessThan(700);
  });

  it('says what is left when it is closed, and counts no more', () => {
    const { clock, drops, log } = setUp();
    drops.count('no-handler');
    drops.close();
    drops.count('no-handler');
    drops.close();
    expect(log).toEqual(['dropped in the last minute: no-handler 1']);
    expect(clock.pendingTimers).toBe(0);
  });

  function setUp() {
    const clock = new ManualClock();
    const log: string[] = [];
    return { clock, log, drops: new DropSummary(clock, (line) => void log.push(line)) };
  }
});

describe('the log of a transport', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('holds few lines, whatever peers send', async () => {
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const service = new ThrottledUdpTransport({ port: 5000 }, network.environment('10.0.0.1'));
    // A reply that JSON cannot say.
    service.addHandler('large', () => Promise.resolve(1n as never));
    await new Promise((resolve) => service.listen(resolve));
    const peer = new ThrottledUdpTransport({ port: 5000 }, network.environment('10.0.0.2'));
    const to = { host: '10.0.0.1', port: 5000 };
    for (let nth = 0; nth < 100; nth++) {
      await peer.send(`{"pattern":"large","data":0,"id":${nth}}`, to);
      await peer.send('no JSON', to);
      await peer.send('{"pattern":"nobody"}', to);
    }
    await clock.advance(60_000);
    expect(error.mock.calls).toHaveLength(10);
    expect(warn.mock.calls.flat()).toEqual([
      'dropped in the last minute: malformed: not JSON 100, no-handler 100',
      '90 more lines like these were left out',
    ]);
    await peer.close();
    await service.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
