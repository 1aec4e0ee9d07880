import { afterEach, describe, expect, it } from '@jest/globals';
import { Program } from '../support/programs.js';
import { RawPeer } from '../support/raw-peer.js';

describe('UdpThrottlerGuard', () => {
  let program: Program | undefined;
  const peers: RawPeer[] = [];
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
    program?.kill('SIGTERM');
    await program?.ended;
  });

  it('counts by the address that a request came from, whatever is written in it', async () => {
    const { port } = await start('usual');
    const [one, two] = [await open(), await open()];
    const ask = (peer: RawPeer, id: number): Promise<unknown> =>
      peer.ask({ pattern: 'sum', data: { values: [1, 2], ip: `10.0.0.${id}`, headers: {} }, id }, port);
    expect(await ask(one, 1)).toMatchObject({ response: 3 });
    // Another port of the same address is the same peer.
    expect(await ask(two, 2)).toMatchObject({ response: 3 });
    const refused = { status: 'error', code: 'throttled', message: 'ThrottlerException: Too Many Requests' };
    for (const id of [3, 4]) {
      const answer = (await ask(one, id)) as { err: { retryAfterMs: number }; code?: string };
      expect(answer).toMatchObject({ id, err: refused, status: 'error' });
      // The handler's error, not one of the transport.
      expect(answer.code).toBeUndefined();
      expect(answer.err.retryAfterMs % 1000).toBe(0);
      expect(answer.err.retryAfterMs).toBeGreaterThan(0);
      expect(answer.err.retryAfterMs).toBeLessThanOrEqual(60_000);
    }
  });

  it('lets decorators of @nestjs/throttler choose another limit', async () => {
    const { port } = await start('usual');
    const peer = await open();
    const ask = (id: number): Promise<unknown> => peer.ask({ pattern: 'once', data: {}, id }, port);
    expect(await ask(1)).toMatchObject({ response: 'done' });
    expect(await ask(2)).toMatchObject({ err: { code: 'throttled' } });
  });

  it('does not run events beyond the limit', async () => {
    const { port, lines } = await start('usual');
    const peer = await open();
    for (let nth = 0; nth < 4; nth++) await peer.send(`{"pattern":"told","data":${nth}}`, port);
    expect(await peer.ask({ pattern: 'sum', data: { values: [] }, id: 1 }, port)).toMatchObject({
      response: 0,
    });
    expect(lines.filter((line) => line.startsWith('told'))).toEqual(['told 0', 'told 1']);
  });

  it('leaves HTTP to the guard that it extends', async () => {
    const { http } = await start('usual');
    const first = await fetch(http);
    expect([first.status, first.headers.get('x-ratelimit-limit')]).toEqual([200, '2']);
    await fetch(http);
    const third = await fetch(http);
    expect(third.status).toBe(429);
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('takes no user agent for one that is to be ignored, and asks a tracker of the application', async () => {
    const { port, lines } = await start('own-tracker');
    const peer = await open();
    const ask = (id: number): Promise<unknown> =>
      peer.ask({ pattern: 'sum', data: { values: [], ip: '10.0.0.1' }, id }, port);
    await ask(1);
    expect(await ask(2)).toMatchObject({ err: { code: 'throttled', message: 'too many' } });
    expect(lines).toContain('tracker is asked of 127.0.0.1, 127.0.0.1');
  });

  it('takes an IPv6 address for its /64', async () => {
    program = new Program('test/programs/throttled-service.ts', ['addresses']);
    expect(await program.ended).toBe(0);
    expect(program.lines).toEqual([
      '192.0.2.1 and 192.0.2.2: two',
      '192.0.2.1 and ::ffff:192.0.2.1: one',
      '2001:db8:1:2::1 and 2001:db8:1:2:ffff::9: one',
      '2001:db8:1:2::1 and 2001:db8:1:3::1: two',
      '::1 and ::2: one',
    ]);
  });

  async function start(mode: string) {
    program = new Program('test/programs/throttled-service.ts', [mode]);
    const [, port, url] = await program.line(/^serving (\d+) and (\S+)$/);
    return { port: Number(port), http: `${url}/page`, lines: program.lines };
  }

  async function open(): Promise<RawPeer> {
    const peer = await RawPeer.open();
    peers.push(peer);
    return peer;
  }
});
