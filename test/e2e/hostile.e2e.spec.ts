import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { OnDatagram, RawCodec } from '../../src/index.js';
import { startService, type TestService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';
import { seededBytes } from '../support/seeded.js';

@Controller()
class EchoController {
  @MessagePattern('echo') echo(@Payload() data: unknown): unknown {
    return data;
  }
}

@Controller()
class RawEchoController {
  @OnDatagram() echo(@Payload() data: Buffer): Buffer | undefined {
    return data.toString('latin1').startsWith('echo ') ? data : undefined;
  }
}

describe('datagrams that nobody should send', () => {
  let service: TestService;
  let peer: RawPeer;

  beforeAll(async () => {
    service = await startService([EchoController]);
    peer = await RawPeer.open();
  });

  afterAll(async () => {
    await peer.close();
    await service.close();
  });

  const stillAnswers = async (): Promise<void> => {
    const id = randomBytes(4).toString('hex');
    expect(await peer.ask({ pattern: 'echo', data: 1, id }, service.port)).toEqual({
      id,
      response: 1,
      isDisposed: true,
    });
  };

  const dropsOf = (reason: string): number =>
    service.transport.stats().download.drops[reason]?.datagrams ?? 0;

  it.each([
    ['an empty datagram', '', 'malformed: empty'],
    ['no JSON', '{"pattern":', 'malformed: not JSON'],
    ['an array', '[1]', 'malformed: not an object'],
    ['a number', '5', 'malformed: not an object'],
    ['null', 'null', 'malformed: not an object'],
    ['an object that is no packet', '{"a":1}', 'malformed: neither a pattern nor a reply'],
    ['a pattern of a wrong type', '{"pattern":[1],"id":1}', 'malformed: pattern of a wrong type'],
    ['an id of a wrong type', '{"pattern":"echo","id":{}}', 'malformed: id of a wrong type'],
    ['an event for nobody', '{"pattern":"nobody","data":1}', 'no-handler'],
    ['a binary frame of a later version', '\xc1\x09', 'malformed: unknown binary frame'],
    ['65507 bytes of nothing', 'x'.repeat(65_507), 'malformed: not JSON'],
    ['65507 brackets', '['.repeat(65_507), 'malformed: nested too deep'],
    [
      'a pattern nested deeper than anything can be written',
      `{"pattern":${'{"a":'.repeat(3000)}1${'}'.repeat(3000)},"id":2}`,
      'malformed: nested too deep',
    ],
    [
      'a payload nested deeper than anything can be written',
      `{"pattern":"echo","id":3,"data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
      'malformed: nested too deep',
    ],
  ])('counts %s and goes on answering', async (_what, text, reason) => {
    const before = dropsOf(reason);
    await peer.send(Buffer.from(text, 'latin1'), service.port);
    await stillAnswers();
    expect(dropsOf(reason)).toBe(before + 1);
  });

  it('answers patterns that name parts of objects with no handler', async () => {
    for (const pattern of [
      '__proto__',
      'constructor',
      'toString',
      '{"__proto__":1}',
      { __proto__: null, constructor: 1 },
    ]) {
      expect(await peer.ask({ pattern, data: 0, id: 1 }, service.port)).toMatchObject({ code: 'no-handler' });
    }
    const large = Object.fromEntries(Array.from({ length: 65 }, (_, nth) => [`k${nth}`, 1]));
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`);
    for (const pattern of ['x'.repeat(1025), large, deep]) {
      expect(await peer.ask({ pattern, data: 0, id: 2 }, service.port)).toMatchObject({ code: 'no-handler' });
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('answers payloads that talk of prototypes, and drops those that would change them', async () => {
    const data = { constructor: { prototype: { polluted: 1 } }, text: '__proto__' };
    expect(await peer.ask({ pattern: 'echo', data, id: 1 }, service.port)).toMatchObject({ response: data });
    const before = dropsOf('malformed: prototype key');
    for (const key of ['__proto__', '\\u005f_proto__']) {
      await peer.send(`{"pattern":"echo","id":1,"data":{"a":[{"${key}":{"polluted":1}}]}}`, service.port);
    }
    await stillAnswers();
    expect(dropsOf('malformed: prototype key')).toBe(before + 2);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each(['json', 'raw'])('survives 10,000 random datagrams under the %s codec', async (name) => {
    const other =
      name === 'raw' ? await startService([RawEchoController], { codec: new RawCodec() }) : service;
    const { port } = other.transport.address() ?? { port: 0 };
    const seed = Number(process.env.FUZZ_SEED ?? randomBytes(4).readUInt32BE());
    process.stdout.write(`random datagrams, seed ${seed}\n`);
    const next = seededBytes(seed);
    const before = other.transport.stats().download.datagrams;
    for (let sent = 0; sent < 10_000; sent++) {
      await peer.send(next(), port);
      // Give the receiver its turn before the kernel's buffer is full.
      if (sent % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    peer.drain();
    // Every single one is accounted for: read, or dropped by the kernel before us.
    const seen = (): number =>
      other.transport.stats().download.datagrams - before + (other.transport.stats().kernelDrops ?? 0);
    while (seen() < 10_000) await new Promise((resolve) => setImmediate(resolve));
    if (other === service) await stillAnswers();
    else {
      // A peer of its own: the buffer of the other one may be full of echoes.
      const late = await RawPeer.open();
      await late.send('echo me', port);
      expect(String((await late.take())[0])).toBe('echo me');
      await late.close();
    }
    const { download, packets } = other.transport.stats();
    const dropped = Object.values(download.drops).reduce((sum, { datagrams }) => sum + datagrams, 0);
    const understood = packets.requests + packets.unknownReplies + packets.raw;
    expect(dropped + understood).toBe(download.datagrams);
    peer.drain();
    if (other !== service) await other.close();
  });
});
