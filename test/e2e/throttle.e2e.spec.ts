import { describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  OnDatagram,
  RawCodec,
  ThrottledUdpTransport,
  type OverflowEvent,
  type UdpContext,
} from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';
import { startService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

@Controller()
class EchoController {
  @MessagePattern('pad') pad(@Payload() bytes: number): string {
    return 'x'.repeat(bytes);
  }
}

@Controller()
class SinkController {
  @OnDatagram() sink(@Payload() data: Buffer, @Ctx() _context: UdpContext): Buffer {
    return data;
  }
}

describe('limits', () => {
  it('spaces replies exactly at the upload limit, in virtual time', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const server = new ThrottledUdpTransport(
      { port: 5000, upload: 100, codec: new RawCodec() },
      network.environment(),
    );
    const asker = new ThrottledUdpTransport({ port: 5001, codec: new RawCodec() }, network.environment());
    const arrivals: number[] = [];
    server.addHandler('@OnDatagram', () => Promise.resolve(Buffer.alloc(486)));
    asker.addHandler('@OnDatagram', () => {
      arrivals.push(clock.now());
      return Promise.resolve();
    });
    await Promise.all([server, asker].map((side) => new Promise((resolve) => side.listen(resolve))));
    // A third of the answer: strangers are sent no more.
    for (let i = 0; i < 5; i++) void asker.send('?'.repeat(162), { host: '127.0.0.1', port: 5000 });
    await clock.advance(20_000);
    expect(arrivals).toEqual([0, 4860, 9720, 14_580, 19_440]);
    await Promise.all([server.close(), asker.close()]);
  });

  it('follows a changed rate, a pause and a resume while replies wait', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const transport = new ThrottledUdpTransport(
      { port: 5000, upload: 100, codec: new RawCodec() },
      network.environment(),
    );
    const left: number[] = [];
    for (let i = 0; i < 6; i++) {
      void transport
        .send(Buffer.alloc(100), { host: '127.0.0.1', port: 5001 })
        .then(() => left.push(clock.now()));
    }
    await clock.advance(1500);
    expect(left).toEqual([0, 1000]);
    transport.upload.setRate('1 kB/s');
    await clock.advance(100);
    expect(left).toEqual([0, 1000, 1550 + 18]);
    transport.upload.pause();
    await clock.advance(10_000);
    expect(left).toHaveLength(3);
    transport.upload.resume();
    await clock.advance(1000);
    expect(left).toHaveLength(6);
    await transport.close();
  });

  it('keeps a real server to its upload limit, however much is asked', async () => {
    const service = await startService([EchoController], { upload: '50 kB/s' });
    const peer = await RawPeer.open();
    const ask = (id: number): Promise<void> =>
      peer.send(`{"pattern":"pad","data":960,"id":${id}}`, service.port);
    for (let id = 0; id < 60; id++) await ask(id);
    await peer.take(10);
    const start = performance.now();
    const answers = await peer.take(40);
    const elapsed = performance.now() - start;
    const bytes = answers.reduce((sum, { length }) => sum + length, 0);
    const burst = 50_000 * 0.02;
    expect(bytes).toBeLessThanOrEqual(50 * elapsed + Math.max(burst, 1000) + 1000);
    await peer.close();
    await service.close();
  });

  it.each([
    ['delay', { rate: 1000, burst: 100, maxBytes: 350 }, { expired: 0, overflow: 1, exceeded: 0 }, 4],
    [
      'drop',
      { rate: 1000, burst: 100, onLimit: 'drop' as const },
      { expired: 0, overflow: 0, exceeded: 4 },
      1,
    ],
    ['a short maxAge', { rate: 1000, burst: 100, maxAge: 150 }, { expired: 3, overflow: 0, exceeded: 0 }, 2],
  ])('at the entrance: %s', async (_what, download, drops, handled) => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const server = new ThrottledUdpTransport(
      { port: 5000, download, codec: new RawCodec() },
      network.environment(),
    );
    const sender = new ThrottledUdpTransport({ port: 5001, codec: new RawCodec() }, network.environment());
    const at: number[] = [];
    const overflows: OverflowEvent[] = [];
    const reasons: string[] = [];
    server.on('overflow', (overflow) => overflows.push(overflow));
    server.on('drop', ({ reason, direction, bytes }) => reasons.push(`${direction} ${reason} ${bytes}`));
    server.addHandler('@OnDatagram', () => {
      at.push(clock.now());
      return Promise.resolve();
    });
    await new Promise((resolve) => server.listen(resolve));
    for (let i = 0; i < 5; i++) void sender.send(Buffer.alloc(100), { host: '127.0.0.1', port: 5000 });
    await clock.advance(5000);
    expect(at).toEqual([0, 100, 200, 300].slice(0, handled));
    const counted = server.stats().download.drops;
    for (const [reason, count] of Object.entries(drops)) expect(counted[reason]?.datagrams ?? 0).toBe(count);
    expect(reasons).toHaveLength(5 - handled);
    expect(reasons.every((reason) => /^download \w+ 100$/.test(reason))).toBe(true);
    expect(overflows).toHaveLength(drops.overflow);
    await Promise.all([server.close(), sender.close()]);
  });

  it('answers nothing faster because somebody else handles raw datagrams', async () => {
    const service = await startService([SinkController], {
      codec: new RawCodec(),
      upload: { rate: 10_000, burst: 100 },
    });
    const peer = await RawPeer.open();
    for (let i = 0; i < 10; i++) await peer.send('x'.repeat(100), service.port);
    const start = performance.now();
    await peer.take(10);
    expect(performance.now() - start).toBeGreaterThan(80);
    await peer.close();
    await service.close();
  });
});
