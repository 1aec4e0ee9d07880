import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { AttackLab } from '../../support/attack-lab.js';
import { collectGarbage } from '../../support/garbage.js';
import { withoutLog } from '../../support/without-log.js';

// `npm run test:attack` has more of each.
const IS_FULL = process.env['ATTACK_DATAGRAMS'] !== undefined;
const STRANGERS = IS_FULL ? 50_000 : 2000;
const MIB = 2 ** 20;

describe('resources that strangers try to hold', () => {
  withoutLog();

  let lab: AttackLab;
  afterEach(() => lab.close());

  it(`reassembly: first segments of ${STRANGERS} addresses that prove nothing take no byte`, async () => {
    lab = await AttackLab.open();
    for (let i = 0; i < STRANGERS; i++) {
      const stranger = await lab.stranger(addressOf(i));
      stranger.segment(i, MIB, 1000);
      if (i % 100 === 0) await lab.clock.advance(2);
      await stranger.close();
    }
    await lab.clock.advance(2);
    expect(lab.server.stats().packets.exchange).toMatchObject({ reassemblyBytes: 0, streams: 0, peers: 0 });
    expect(await asked('length', 'q'.repeat(200_000))).toBe(200_000);
  });

  it('reassembly: proven addresses take 4 MiB each and 16 MiB in all, until they are stale', async () => {
    lab = await AttackLab.open();
    const { clock, server } = lab;
    for (let i = 0; i < 8; i++) {
      const peer = await provenPeer(addressOf(i));
      for (let index = 0; index < 3000; index++) peer.segment(index, MIB, 1000);
      await clock.advance(5);
      const { reassemblyBytes = 0 } = server.stats().packets.exchange ?? {};
      expect(reassemblyBytes).toBeLessThanOrEqual(Math.min(16, 4 * (i + 1)) * MIB);
      expect(reassemblyBytes).toBeGreaterThan((Math.min(16, 4 * (i + 1)) - 0.1) * MIB);
    }
    // Small requests need none of it.
    expect(await asked('echo', 1)).toBe(1);
    await clock.advance(30_100);
    expect(server.stats().packets.exchange).toMatchObject({ reassemblyBytes: 0, streams: 0 });
    expect(await asked('length', 'q'.repeat(200_000))).toBe(200_000);
  });

  it('duplicates: proven peers that fill the store push out nothing that runs, and no request runs twice', async () => {
    lab = await AttackLab.open({ duplicates: { maxEntries: 500 } });
    const { clock, server, runs, client } = lab;
    const never = firstValueFrom(client.send('never', 'honest'));
    void never.catch(() => undefined);
    await clock.advance(300);
    const peer = await provenPeer('10.6.6.6');
    for (let index = 0; index < 5000; index++) {
      peer.ask('echo', index, 1 + index);
      if (index % 100 === 0) await clock.advance(2);
    }
    await clock.advance(5);
    expect(server.stats().packets.exchange?.stored).toBeLessThanOrEqual(500 + 500 / 16 + 1);
    // A copy of the honest one's first request, as a network brings it late, and of the attacker's.
    await clock.advance(10_000);
    expect(runs.filter((data) => data === 'honest')).toHaveLength(1);
    peer.ask('echo', 0, 1, { attempt: 2, ageMs: 20_000, epoch: peer.epoch });
    await clock.advance(5);
    expect(runs.filter((data) => data === 0)).toHaveLength(1);
    expect(peer.frames.at(-1)).toMatchObject({ kind: 'gone', reason: 'outcome-unknown' });
    expect(await asked('echo', 'after')).toBe('after');
  });

  it('duplicates: plain requests of forged addresses with ids of 60,000 bytes take 16 MiB at the most', async () => {
    lab = await AttackLab.open({ addressValidation: false });
    const requests = IS_FULL ? 8192 : 1500;
    const before = collectGarbage();
    for (let i = 0; i < requests; i++) {
      const stranger = await lab.stranger(addressOf(i));
      stranger.say(`{"pattern":"echo","data":1,"id":"${String(i).padStart(60_000, 'i')}"}`);
      await lab.clock.advance(2);
      await stranger.close();
    }
    const grown = (collectGarbage() - before) / MIB;
    process.stdout.write(`${requests} ids of 60,000 bytes: grown by ${grown.toFixed(1)} MiB\n`);
    expect(lab.runs).toHaveLength(requests);
    expect(grown).toBeLessThan(16);
  });

  it('handlers that never end: 32 of strangers run at once, and honest requests are answered', async () => {
    lab = await AttackLab.open();
    const { clock, server } = lab;
    for (let i = 0; i < STRANGERS; i++) {
      const stranger = await lab.stranger(addressOf(i));
      stranger.ask('never', i, i);
      if (i % 100 === 0) await clock.advance(2);
      await stranger.close();
    }
    await clock.advance(2);
    expect(server.stats().handlers.running).toBe(32);
    expect(await asked('echo', 'honest')).toBe('honest');
    // Nobody gives a sign of life for any of them.
    await clock.advance(60_000);
    expect(server.stats().packets.exchange).toMatchObject({ running: 0 });
  });

  it('streams: a proven peer that never acknowledges holds them for a lease, and no other peer waits', async () => {
    lab = await AttackLab.open();
    const { clock, server } = lab;
    const peer = await provenPeer('10.6.6.6');
    const streams = 50;
    for (let index = 0; index < streams; index++) peer.ask('pad', 500_000, 1 + index);
    await clock.advance(100);
    expect(server.stats().packets.exchange).toMatchObject({ streams });
    // One congestion window of ten datagrams, then a probe now and then.
    const { bytes } = server.stats().upload;
    expect(bytes).toBeLessThan(20 * 1232 + 5000);
    expect(await asked('pad', 100_000)).toHaveLength(100_000);
    await clock.advance(31_000);
    expect(server.stats().packets.exchange).toMatchObject({ streams: 0, leasesExpired: streams });
  });

  it('replies: what a proven peer never takes is 16 MiB of it at the most, and other peers are served', async () => {
    lab = await AttackLab.open();
    const { clock, server } = lab;
    const peer = await provenPeer('10.6.6.6');
    const before = collectGarbage();
    for (let index = 0; index < 200; index++) {
      peer.ask('pad', 900_000, 1 + index);
      if (index % 10 === 0) await clock.advance(2);
    }
    await clock.advance(10);
    const grown = (collectGarbage() - before) / MIB;
    process.stdout.write(`200 replies of 900,000 bytes, never taken: grown by ${grown.toFixed(1)} MiB\n`);
    expect(grown).toBeLessThan(24);
    expect(server.stats().packets.exchange?.undeliveredBytes).toBeLessThanOrEqual(16 * MIB);
    expect(await asked('pad', 900_000)).toHaveLength(900_000);
    await clock.advance(60_000);
    expect(server.stats().packets.exchange).toMatchObject({ streams: 0, undeliveredBytes: 0, running: 0 });
  });

  /** An honest client's answer. */
  async function asked(pattern: string, data: unknown): Promise<unknown> {
    const answer = firstValueFrom(lab.client.send<unknown>(pattern, data));
    await lab.clock.advance(2000);
    return answer;
  }

  async function provenPeer(host: string) {
    const peer = await lab.stranger(host);
    peer.client = Buffer.from(host.padEnd(16).slice(-8)).toString('hex');
    peer.ask('echo', 'first', 0);
    await lab.clock.advance(3);
    peer.prove();
    await lab.clock.advance(3);
    expect(lab.server.stats().validation?.provenPeers).toBeGreaterThan(0);
    return peer;
  }
});

function addressOf(index: number): string {
  return `10.${20 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}
