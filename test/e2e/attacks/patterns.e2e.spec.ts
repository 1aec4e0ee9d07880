import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { UdpContext } from '../../../src/index.js';
import { startService, type TestService } from '../../support/apps.js';
import { AttackLab } from '../../support/attack-lab.js';
import { RawPeer } from '../../support/raw-peer.js';
import { withoutLog } from '../../support/without-log.js';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then'];

/** Patterns that name nothing here, as they stand on the wire. */
const PATTERNS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(NAMES.map((name) => [name, JSON.stringify(name)])),
  ...Object.fromEntries(NAMES.map((name) => [`an object with ${name}`, `{${JSON.stringify(name)}:1}`])),
  'the text of an object with __proto__': JSON.stringify('{"__proto__":{"polluted":1}}'),
  'an object 10,000 deep': `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
  'the text of an object 5,000 deep': JSON.stringify(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`),
  'an array 30,000 deep in an object': `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  'an object of 5,000 keys': `{${Array.from({ length: 5000 }, (_, i) => `"${i}":1`).join(',')}}`,
  'a text of 60,000 characters': `"${'p'.repeat(60_000)}"`,
  'a text of 30,000 quotation marks': `"${'\\"'.repeat(30_000)}"`,
  'a lone surrogate': '"\\ud800"',
  'the reserved name of raw datagrams': '"@OnDatagram"',
  'an empty text': '""',
  'an empty object': '{}',
  infinity: '1e999',
  'minus zero': '-0',
};

const seen: unknown[] = [];

@Controller()
class KeysController {
  @MessagePattern('keys') keys(@Payload() data: object, @Ctx() context: UdpContext): unknown {
    const copy = { ...data };
    const merged = Object.assign({}, data, context.getMetadata());
    seen.push(merged);
    return { own: Object.keys(copy), polluted: (merged as { polluted?: unknown }).polluted ?? null };
  }
}

describe('names that are parts of objects', () => {
  withoutLog();

  const clean = Object.getOwnPropertyNames(Object.prototype).sort();
  let lab: AttackLab | undefined;
  let service: TestService | undefined;
  afterEach(async () => {
    await lab?.close();
    await service?.close();
    [lab, service] = [undefined, undefined];
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(clean);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each(Object.entries(PATTERNS))('find no handler as a pattern: %s', async (_what, pattern) => {
    lab = await AttackLab.open({ addressValidation: false });
    const { clock, server, client, runs } = lab;
    const stranger = await lab.stranger();
    stranger.say(`{"pattern":${pattern},"data":1,"id":1}`);
    stranger.say(`{"pattern":${pattern},"data":1}`);
    await clock.advance(3);
    expect(runs).toEqual([]);
    const { drops } = server.stats().download;
    const dropped = Object.values(drops).reduce((sum, { datagrams }) => sum + datagrams, 0);
    // The request is told so, or cannot be read; the event is counted.
    expect(stranger.replies.length + dropped).toBe(2);
    for (const reply of stranger.replies) expect(reply).toMatchObject({ id: 1, code: 'no-handler' });
    const answer = firstValueFrom(client.send('echo', 'still there'));
    await clock.advance(10);
    expect(await answer).toBe('still there');
  });

  it('are plain keys in payload and metadata, and reach no prototype', async () => {
    service = await startService([KeysController]);
    const peer = await RawPeer.open();
    const { port, transport } = service;
    const hostile = [
      '{"pattern":"keys","id":1,"data":{"__proto__":{"polluted":"yes"},"own":1}}',
      '{"pattern":"keys","id":1,"data":{"constructor":{"prototype":{"polluted":"yes"}}}}',
      '{"pattern":"keys","id":1,"data":{"a":{"__proto__":{"polluted":"yes"}}}}',
      '{"pattern":"keys","id":1,"data":{},"metadata":{"__proto__":"x","constructor":"y"}}',
      '{"pattern":"keys","id":1,"data":{},"__proto__":{"metadata":{"a":"b"}}}',
      '{"__proto__":{"pattern":"keys"},"data":1,"id":1}',
    ];
    const dropped = (): number =>
      Object.values(transport.stats().download.drops).reduce((sum, { datagrams }) => sum + datagrams, 0);
    // Each is answered, or cannot be read: no hostile key may change what the datagram says.
    for (const [index, text] of hostile.entries()) {
      await peer.send(text, port);
      while (peer.senders.length + dropped() <= index) await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = peer.received.splice(0).map((answer) => JSON.parse(String(answer)) as unknown);
    for (const answer of answers) expect(answer).toMatchObject({ id: 1, response: expect.anything() });
    expect(dropped()).toBeGreaterThan(0);
    expect(await peer.ask({ pattern: 'keys', data: { own: 1 }, id: 2 }, port)).toEqual({
      id: 2,
      response: { own: ['own'], polluted: null },
      isDisposed: true,
    });
    await peer.close();
  });
});
