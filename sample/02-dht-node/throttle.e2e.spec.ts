import { createSocket } from 'node:dgram';
import { Controller, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import {
  OnDatagram,
  RawCodec,
  ThrottledUdpTransport,
  type ThrottledUdpTransportOptions,
} from 'nestjs-throttled-udp';
import { ManualClock, VirtualNetwork } from 'nestjs-throttled-udp/testing';
import { ANSWERS } from './recorded-datagrams.js';

describe('what a DHT node at 100 B/s does with answers of 486 bytes', () => {
  it('handles one every 4.86 s, to the millisecond', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const handled: [atMs: number, data: Buffer][] = [];
    const server = new ThrottledUdpTransport(
      { ...OPTIONS, port: 6881, download: 100 },
      network.environment('10.0.0.1'),
    );
    const app = await startApp(server, (data) => handled.push([clock.now(), data]));
    const stranger = new ThrottledUdpTransport({ ...OPTIONS, port: 6882 }, network.environment('10.0.0.2'));
    const sent = ANSWERS.map((answer) => stranger.send(answer, { host: '10.0.0.1', port: 6881 }));
    await clock.advance(20_000);
    await Promise.all(sent);
    expect(handled).toEqual([0, 4860, 9720, 14_580].map((atMs, index) => [atMs, ANSWERS[index]]));
    const closed = Promise.all([app.close(), stranger.close()]);
    await clock.advance(10_000);
    await closed;
  });

  it('handles one every 10 ms at 486 times that rate, to within 1 % over 300 of them', async () => {
    const COUNT = 360;
    const handledAtMs: number[] = [];
    let onLast = (): void => {};
    const done = new Promise<void>((resolve) => (onLast = resolve));
    const server = new ThrottledUdpTransport({
      codec: new RawCodec(),
      port: 0,
      // A burst of thirty: a machine that is busy for longer than the burst lasts, here 300 ms, loses that time.
      download: { rate: '48.6 kB/s', burst: 30 * 486, maxBytes: '1 MB' },
    });
    const app = await startApp(server, () => {
      handledAtMs.push(performance.now());
      if (handledAtMs.length === COUNT) onLast();
    });
    const socket = createSocket('udp4');
    for (let index = 0; index < COUNT; index++) {
      socket.send(ANSWERS[index % 4]!, server.address()!.port, '127.0.0.1');
      // The kernel's buffer holds half of them: the server must come to read in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    // The first ones are the burst that a full bucket lets through; the last 301 stand 300 intervals apart.
    const [firstMs = NaN, lastMs = NaN] = [handledAtMs.at(-301), handledAtMs.at(-1)];
    expect(Math.abs((lastMs - firstMs) / 300 / 10 - 1)).toBeLessThan(0.01);
    socket.close();
    await app.close();
  });
});

const OPTIONS: ThrottledUdpTransportOptions = { host: '0.0.0.0', codec: new RawCodec() };

/** A microservice that shows each datagram it handles. */
async function startApp(strategy: ThrottledUdpTransport, handle: (data: Buffer) => void) {
  @Controller()
  class NodeController {
    @OnDatagram() take(@Payload() data: Buffer): void {
      handle(data);
    }
  }
  const moduleRef = await Test.createTestingModule({ controllers: [NodeController as Type] }).compile();
  const app = moduleRef.createNestMicroservice({ strategy, logger: false });
  await app.listen();
  return app;
}
