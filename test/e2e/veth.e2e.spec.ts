import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

/** Why there are no network namespaces here; `undefined` when there are. */
function obstacle(): string | undefined {
  const tried = spawnSync(
    'unshare',
    ['--map-root-user', '--net', 'sh', '-c', 'ip link && nft list ruleset'],
    {
      encoding: 'utf8',
    },
  );
  if (tried.error !== undefined) return `unshare: ${tried.error.message}`;
  return tried.status === 0 ? undefined : tried.stderr.trim().split('\n').at(-1);
}

const reason = obstacle();
if (reason !== undefined) process.stdout.write(`no test over a veth pair: ${reason}\n`);

(reason === undefined ? describe : describe.skip)('over a veth pair whose kernel drops 10 % each way', () => {
  it('answers 2,000 of 2,000 requests, runs each handler once, and brings 300 kB', () => {
    const program = 'node --import ./test/support/ts-loader.mjs test/programs/across.ts';
    const output = execFileSync(
      'unshare',
      [
        '--map-root-user',
        '--net',
        'sh',
        'test/support/across-veth.sh',
        `${program} service 10.9.0.2`,
        `${program} client 10.9.0.2 2000`,
      ],
      { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
    );
    // The service writes its start-up line to the same place.
    const line = output.split('\n').find((each) => each.startsWith('{')) ?? output;
    const { retransmissions, ...rest } = JSON.parse(line) as Record<string, number>;
    expect(rest).toEqual({ right: 2000, served: 2000, most: 1, text: 300_000 });
    expect(retransmissions).toBeGreaterThan(200);
  });
});
