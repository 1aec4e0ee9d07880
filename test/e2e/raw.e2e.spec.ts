import { describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { of } from 'rxjs';
import {
  getTransportId,
  OnDatagram,
  RawCodec,
  ThrottledUdpTransport,
  type DatagramCodec,
  type UdpContext,
} from '../../src/index.js';
import { startService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

const seen: { data: Buffer; context: UdpContext }[] = [];

@Controller()
class RawController {
  @OnDatagram() echo(@Payload() data: Buffer, @Ctx() context: UdpContext): Buffer {
    seen.push({ data, context });
    return data;
  }

  @OnDatagram() async upper(@Payload() data: Buffer): Promise<string> {
    return data.toString().toUpperCase();
  }

  @OnDatagram() silent(): void {}

  @OnDatagram() twice(@Payload() data: Buffer): unknown {
    return of(`1${String(data)}`, `2${String(data)}`);
  }

  @OnDatagram() fails(): never {
    throw new Error('one handler of many');
  }

  @OnDatagram() cannotBeSaid(): unknown {
    return { not: 'bytes' };
  }

  @OnDatagram(getTransportId('other')) elsewhere(): string {
    return 'of another transport';
  }

  @MessagePattern('sum') sum(): string {
    return 'never called under a raw codec';
  }
}

@Controller()
class LineController {
  readonly lines: unknown[] = [];

  @EventPattern<string>('line') line(@Payload() data: unknown): void {
    this.lines.push(data);
  }

  @MessagePattern('count') count(): number {
    return this.lines.length;
  }
}

/** One event a line, as StatsD does; a line `?` asks. */
const lineCodec: DatagramCodec = {
  name: 'lines',
  exchange: false,
  decode: (datagram) =>
    Buffer.from(datagram)
      .toString()
      .split('\n')
      .map((line, index) =>
        line === '?'
          ? { kind: 'request' as const, id: index, pattern: 'count', data: undefined }
          : { kind: 'event' as const, pattern: 'line', data: line },
      ),
  encode: (packet, { request }) =>
    packet.kind === 'reply' ? Buffer.from(`${request?.kind} ${String(packet.response)}`) : undefined,
};

describe('raw datagrams and foreign codecs', () => {
  it('runs every @OnDatagram handler, and each defined value is a reply', async () => {
    // Four handlers answer at once: more than a stranger may be sent by default.
    const options = { codec: new RawCodec(), amplificationFactor: 10 };
    const service = await startService([RawController], options);
    const peer = await RawPeer.open();
    await peer.send('abc', service.port);
    const answers = (await peer.take(4)).map(String).sort();
    expect(answers).toEqual(['1abc', '2abc', 'ABC', 'abc']);
    expect(seen[0]?.data.toString()).toBe('abc');
    expect(seen[0]?.context.getPattern()).toBe('@OnDatagram');
    expect(seen[0]?.context.getPeer().port).toBe(peer.port);
    expect(service.transport.stats().handlers).toMatchObject({ failures: 1, running: 0 });
    await peer.send('', service.port);
    await peer.send('@OnDatagram', service.port);
    expect((await peer.take(4)).map(String)).toEqual(expect.arrayContaining(['', '1', '2']));
    await peer.close();
    await service.close();
  });

  it('takes several packets from one datagram, and shows a codec the request it answers', async () => {
    const service = await startService([LineController], { codec: lineCodec });
    const peer = await RawPeer.open();
    await peer.send('a\nb\n?', service.port);
    expect(String((await peer.take())[0])).toBe('request 2');
    expect(service.transport.stats().packets).toMatchObject({ events: 2, requests: 1 });
    expect(service.transport.stats().download.datagrams).toBe(1);
    await peer.close();
    await service.close();
  });

  it('refuses @OnDatagram under a codec that leaves nothing raw', async () => {
    await expect(startService([RawController])).rejects.toThrow(/codec 'json' leaves no datagram raw/);
  });

  it('cannot be reached by a peer that writes the reserved pattern', async () => {
    const service = await startService([LineController]);
    service.transport.addHandler('@OnDatagram', () => Promise.resolve('reached'));
    const peer = await RawPeer.open();
    const answer = await peer.ask({ pattern: '@OnDatagram', data: 0, id: 1 }, service.port);
    expect(answer).toMatchObject({ code: 'no-handler' });
    await peer.close();
    await service.close();
  });

  it('refuses a name that stands on an event and on a message, and symbols', () => {
    const transport = new ThrottledUdpTransport({ port: 0 });
    const handler = (): Promise<void> => Promise.resolve();
    transport.addHandler('both', handler, false);
    expect(() => transport.addHandler('both', handler, true)).toThrow(/one of them would never be called/);
    expect(() => transport.addHandler(Symbol('s'), handler)).toThrow(/must be a text, a number or an object/);
    expect([...transport.getHandlers().keys()]).toEqual(['both']);
  });
});
