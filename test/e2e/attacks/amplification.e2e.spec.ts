import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { range, type Observable } from 'rxjs';
import { OnDatagram, RawCodec } from '../../../src/index.js';
import { Attack } from '../../fuzz/attack.js';
import { startService, type TestService } from '../../support/apps.js';
import { AttackLab, idOf } from '../../support/attack-lab.js';
import { withoutLog } from '../../support/without-log.js';

@Controller()
class GenerousController {
  @MessagePattern('pad') pad(@Payload() bytes: number): string {
    return 'x'.repeat(bytes);
  }

  @MessagePattern('range') range(@Payload() count: number): Observable<number> {
    return range(0, count);
  }
}

@Controller()
class RawEchoController {
  @OnDatagram() four(@Payload() data: Buffer): Buffer {
    return Buffer.concat([data, data, data, data]);
  }

  @OnDatagram() two(@Payload() data: Buffer): Buffer {
    return Buffer.concat([data, data]);
  }
}

const DATAGRAMS = Number(process.env['ATTACK_DATAGRAMS'] ?? 3000);
const SEED = Number(process.env['FC_SEED'] ?? 1);

describe('bytes out to an address that proves nothing', () => {
  withoutLog();

  let lab: AttackLab | undefined;
  let service: TestService | undefined;
  afterEach(async () => {
    await lab?.close();
    await service?.close();
    [lab, service] = [undefined, undefined];
  });

  it(`are at most 3 for each byte in, over ${DATAGRAMS} hostile datagrams of all kinds (seed ${SEED})`, async () => {
    const opened = await AttackLab.open();
    lab = opened;
    const attack = new Attack(SEED);
    const strangers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => opened.stranger(`10.7.0.${index + 1}`)),
    );
    let heard = 0;
    for (let sent = 0; sent < DATAGRAMS; sent++) {
      const stranger = strangers[sent % strangers.length];
      stranger?.say(attack.next().data);
      if (stranger?.epoch !== undefined) attack.gossip.epoch = stranger.epoch;
      if (sent % 20 === 0) await opened.clock.advance(5);
    }
    await lab.clock.advance(60_000);
    let worst = 0;
    for (const stranger of strangers) {
      if (stranger === undefined) continue;
      heard += stranger.bytesHeard;
      worst = Math.max(worst, stranger.bytesHeard / stranger.bytesSaid);
      expect(stranger.bytesHeard).toBeLessThanOrEqual(3 * stranger.bytesSaid);
    }
    expect(heard).toBeGreaterThan(0);
    expect(opened.server.stats().validation).toMatchObject({ proofs: 0, provenPeers: 0 });
    process.stdout.write(
      `${DATAGRAMS} hostile datagrams: at most ${worst.toFixed(2)} bytes out for one in\n`,
    );
  }, 600_000);

  it('are at most 3 for each byte in when a small request wants most: replies, streams, copies, probes', async () => {
    lab = await AttackLab.open();
    const stranger = await lab.stranger();
    for (let index = 0; index < 60; index++) {
      stranger.ask('pad', 900_000, index);
      stranger.ask('pad', 1100, 1000 + index);
      stranger.ask('never', 1, 2000 + index);
      stranger.ask('nobody', 1, 3000 + index);
      stranger.ask('pad', 1100, 1000, { attempt: 2, ageMs: index + 1 });
      for (const kind of ['probe', 'cancel'] as const)
        stranger.frame({ kind, id: idOf(index), client: stranger.client, epoch: 0 });
      stranger.segment(index, 1_000_000, 10);
      await lab.clock.advance(50);
    }
    await lab.clock.advance(60_000);
    expect(stranger.frames.length).toBeGreaterThan(0);
    expect(stranger.bytesHeard).toBeLessThanOrEqual(3 * stranger.bytesSaid);
  });

  it.each([
    ['JSON', undefined],
    ['raw datagrams', new RawCodec()],
  ])('are at most 3 for each byte in, on a real socket: %s', async (_what, codec) => {
    service =
      codec === undefined
        ? await startService([GenerousController], { addressValidation: true })
        : await startService([RawEchoController], { codec });
    const socket = createSocket('udp4');
    let bytesIn = 0;
    let bytesOut = 0;
    socket.on('message', (data) => (bytesIn += data.length));
    socket.bind(0, '127.13.13.13');
    await once(socket, 'listening');
    const { port } = service;
    const send = async (text: string): Promise<void> => {
      bytesOut += text.length;
      await new Promise((resolve) => socket.send(text, port, '127.0.0.1', resolve));
    };
    for (let i = 0; i < 40; i++) {
      await send(`{"pattern":"pad","data":${i * 10},"id":${i}}`);
      await send(`{"pattern":"range","data":${i},"id":${1000 + i}}`);
      await send(
        `{"v":1,"x":"fedcba987654321001000000000000138800000000","pattern":"pad","data":100000,"id":"${idOf(i)}"}`,
      );
    }
    const { transport } = service;
    const isSettled = (): boolean => {
      const { upload, download, kernelDrops = 0 } = transport.stats();
      return download.datagrams + kernelDrops >= 120 && upload.queuedDatagrams === 0;
    };
    while (!isSettled()) await new Promise((resolve) => setImmediate(resolve));
    // What has left, whether or not the kernel had room for it there.
    const { bytes, drops } = transport.stats().upload;
    expect(bytesIn).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(3 * bytesOut);
    expect(drops['amplification']?.datagrams).toBeGreaterThan(0);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  });
});
