import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { decodeFrame, encodeFrame } from '../../../src/codec/frame-codec.js';
import { PeerAddress } from '../../../src/common/peer-address.js';
import { AddressTokens } from '../../../src/endpoint/address-tokens.js';
import { SeededRandom } from '../../../src/testing/index.js';
import { startService, type TestService } from '../../support/apps.js';
import { AttackLab, idOf } from '../../support/attack-lab.js';
import { withoutLog } from '../../support/without-log.js';

@Controller()
class EchoController {
  @MessagePattern('echo') echo(@Payload() data: unknown): unknown {
    return data;
  }
}

const SECRET = 'a secret of 24 bytes ...';
const FORGERIES = 2000;

describe('tokens', () => {
  withoutLog();

  let lab: AttackLab | undefined;
  let service: TestService | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await lab?.close();
    await service?.close();
    [lab, service] = [undefined, undefined];
  });

  it(`are forged ${FORGERIES} times in vain`, async () => {
    lab = await AttackLab.open();
    const stranger = await lab.stranger();
    const random = new SeededRandom(1);
    for (let i = 0; i < FORGERIES; i++) stranger.prove(random.bytes(16));
    await lab.clock.advance(10);
    expect(lab.server.stats().validation).toEqual({
      challenges: 0,
      proofs: 0,
      proofsRefused: FORGERIES,
      provenPeers: 0,
    });
    expect(stranger.bytesHeard).toBe(0);
  });

  it('of another secret, of other layouts, and with a bit turned are refused', async () => {
    lab = await AttackLab.open({ addressValidation: { secret: SECRET } });
    const { clock, server } = lab;
    const stranger = await lab.stranger('10.6.6.6', 6);
    const me = PeerAddress.of('10.6.6.6', 6);
    stranger.ask('echo', 1);
    await clock.advance(2);
    const right = stranger.token as Uint8Array;
    expect(right).toEqual(
      Uint8Array.from(new AddressTokens([Buffer.from(SECRET)], 600_000).issue(me, clock.now())),
    );
    const forged = [
      new AddressTokens([Buffer.from('another secret of 30 bytes ...')], 600_000).issue(me, clock.now()),
      new AddressTokens([Buffer.from(SECRET)], 600_000).issue(PeerAddress.of('::10.6.6.6', 6), clock.now()),
      new AddressTokens([Buffer.from(SECRET)], 600_000).issue(me, clock.now() + 600_000),
      new Uint8Array(16),
      right.map((byte, index) => (index === 15 ? byte ^ 1 : byte)),
    ];
    for (const token of forged) stranger.prove(token);
    await clock.advance(2);
    expect(server.stats().validation).toMatchObject({ proofs: 0, proofsRefused: forged.length });
    stranger.prove(right);
    await clock.advance(2);
    expect(server.stats().validation).toMatchObject({ proofs: 1, provenPeers: 1 });
  });

  it('are good to the end of their next period, and not a millisecond longer', async () => {
    lab = await AttackLab.open({ addressValidation: { secret: SECRET, lifetime: 20_000 } });
    const { clock, server } = lab;
    await clock.advanceTo(9999);
    const stranger = await lab.stranger();
    stranger.ask('echo', 1);
    // It is issued in the second period, a millisecond after the first one's end.
    await clock.advanceTo(10_002);
    stranger.prove();
    await clock.advanceTo(10_010);
    expect(server.stats().validation).toMatchObject({ proofs: 1 });
    const other = await lab.stranger('10.6.6.7');
    other.ask('echo', 1);
    await clock.advanceTo(29_998);
    other.prove();
    await clock.advanceTo(30_010);
    expect(server.stats().validation).toMatchObject({ proofs: 2, proofsRefused: 0 });
    const last = await lab.stranger('10.6.6.8');
    last.ask('echo', 1);
    // It comes at 50,000, when the period after that of its issue is over.
    await clock.advanceTo(49_999);
    last.prove();
    await clock.advanceTo(50_010);
    expect(server.stats().validation).toMatchObject({ proofs: 2, proofsRefused: 1 });
  });

  it('stolen for another port or address are refused, on real sockets', async () => {
    service = await startService([EchoController], { addressValidation: true });
    const { port, transport } = service;
    const [owner, otherPort, otherAddress] = [
      await bound('127.9.9.1'),
      await bound('127.9.9.1'),
      await bound('127.9.9.2'),
    ] as [Socket, Socket, Socket];
    const name = { id: idOf(1), client: 'cd'.repeat(8), epoch: 0 };
    const heard = once(owner, 'message');
    owner.send(
      `{"v":1,"x":"${name.client}01000000000000138800000000","pattern":"echo","data":1,"id":"${name.id}"}`,
      port,
      '127.0.0.1',
    );
    const [data] = (await heard) as [Buffer];
    const challenge = decodeFrame(data);
    if (challenge.kind !== 'challenge') throw new Error(`${challenge.kind} came`);
    const proof = encodeFrame({ kind: 'proof', ...name, token: challenge.token });
    for (const thief of [otherPort, otherAddress]) thief.send(proof, port, '127.0.0.1');
    const proven = (): number => transport.stats().validation?.provenPeers ?? 0;
    while ((transport.stats().validation?.proofsRefused ?? 0) < 2) await nextTurn();
    expect(proven()).toBe(0);
    owner.send(proof, port, '127.0.0.1');
    while (proven() < 1) await nextTurn();
    expect(transport.stats().validation).toMatchObject({ proofs: 1, proofsRefused: 2 });
  });

  async function bound(host: string): Promise<Socket> {
    const socket = createSocket('udp4');
    sockets.push(socket);
    socket.bind(0, host);
    await once(socket, 'listening');
    return socket;
  }
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
