import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { UdpContext } from '../../../src/index.js';
import { encodeFrame } from '../../../src/codec/frame-codec.js';
import { PeerAddress } from '../../../src/common/peer-address.js';
import { SeededRandom } from '../../../src/testing/index.js';
import { startService, type TestService } from '../../support/apps.js';
import { AttackLab } from '../../support/attack-lab.js';
import { RawPeer } from '../../support/raw-peer.js';
import { withoutLog } from '../../support/without-log.js';

const GUESSES = Number(process.env['ATTACK_DATAGRAMS'] ?? 2000);

// While the request that is attacked waits: all of them within 5 ms of the network's time.
const PORTION = Math.ceil(GUESSES / 100);

let release: () => void = () => undefined;
/** Id of the request that is served: what nobody off the path can know. */
let idServed = '';

@Controller()
class SlowController {
  @MessagePattern('slow') async slow(@Payload() data: unknown, @Ctx() context: UdpContext): Promise<unknown> {
    idServed = (JSON.parse(String(context.getDatagram())) as { id: string }).id;
    await new Promise<void>((resolve) => (release = resolve));
    return data;
  }
}

describe(`${GUESSES} guesses by somebody off the path`, () => {
  withoutLog();

  let lab: AttackLab | undefined;
  let service: TestService | undefined;
  afterEach(async () => {
    await lab?.close();
    await service?.close();
    [lab, service] = [undefined, undefined];
  });

  it('of the id of a request end nothing at its client', async () => {
    lab = await AttackLab.open();
    const answer = firstValueFrom(lab.client.send('pad', 50_000));
    const { port = 0 } = lab.client.stats().address ?? {};
    const client = PeerAddress.of('10.0.0.2', port);
    const attacker = await lab.stranger();
    const random = new SeededRandom(1);
    const id = (): string => Buffer.from(random.bytes(8)).toString('hex');
    for (let guess = 0; guess < GUESSES; guess += 4) {
      attacker.say(`{"id":"${id()}","response":"forged","isDisposed":true}`, client);
      attacker.say(encodeFrame({ kind: 'gone', id: id(), epoch: 1, reason: 'closing' }), client);
      attacker.say(encodeFrame({ kind: 'received', id: id(), epoch: 1 }), client);
      attacker.say(
        encodeFrame({ kind: 'challenge', id: id(), epoch: 1, token: random.bytes(16), isRefusal: true }),
        client,
      );
      if (guess % PORTION < 4) await lab.clock.advance(0.05);
    }
    await lab.clock.advance(1000);
    expect(await answer).toHaveLength(50_000);
    const { packets } = lab.client.stats();
    expect(packets.unknownReplies + packets.foreignReplies).toBe(4 * Math.ceil(GUESSES / 4));
    // Nor did the client say more than it was told.
    expect(attacker.bytesHeard).toBeLessThanOrEqual(attacker.bytesSaid);
  }, 600_000);

  it('of the right id are worth nothing from another address or port', async () => {
    service = await startService([SlowController]);
    const peer = await RawPeer.open();
    const client = service.client();
    const answer = firstValueFrom(client.send('slow', 'right'));
    const { transport } = service;
    while (transport.stats().handlers.running === 0) await new Promise((resolve) => setImmediate(resolve));
    const { port = 0 } = client.stats().address ?? {};
    // As if it had seen the request after all.
    for (let guess = 0; guess < 10; guess++)
      await peer.send(`{"id":"${idServed}","response":"forged","isDisposed":true}`, port);
    while (client.stats().packets.foreignReplies < 10) await new Promise((resolve) => setImmediate(resolve));
    release();
    expect(await answer).toBe('right');
    await peer.close();
  });

  it('of client and id cancel nothing, acknowledge nothing and repeat nothing at the service', async () => {
    lab = await AttackLab.open();
    const { client, server, clock, runs } = lab;
    void firstValueFrom(client.send('never', 'honest')).catch(() => undefined);
    await clock.advance(10);
    const attacker = await lab.stranger();
    const random = new SeededRandom(2);
    for (let guess = 0; guess < GUESSES; guess += 3) {
      const id = Buffer.from(random.bytes(8)).toString('hex');
      attacker.client = Buffer.from(random.bytes(8)).toString('hex');
      const name = { id, client: attacker.client, epoch: attacker.epoch };
      attacker.frame({ kind: 'cancel', ...name });
      attacker.frame({
        kind: 'ack',
        ...name,
        next: 2 ** 32 - 1,
        window: 0,
        bitmap: new Uint8Array(0),
        wantsAnswer: true,
      });
      attacker.frame({ kind: 'probe', ...name });
      if (guess % PORTION < 3) await clock.advance(0.05);
    }
    await clock.advance(2000);
    expect(runs).toEqual(['honest']);
    expect(server.stats().handlers.running).toBe(1);
    expect(server.stats().packets.exchange).toMatchObject({ cancelled: 0, running: 1 });
    expect(await askOne(lab, 'after')).toBe('after');
  }, 600_000);
});

async function askOne({ client, clock }: AttackLab, data: unknown): Promise<unknown> {
  const answer = firstValueFrom(client.send('echo', data));
  await clock.advance(100);
  return answer;
}
