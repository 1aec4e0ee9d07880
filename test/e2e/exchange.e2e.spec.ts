import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, Observable, toArray } from 'rxjs';
import { decodeFrame, isFrame } from '../../src/codec/frame-codec.js';
import { UdpContext, UdpRecordBuilder, type ThrottledUdpTransportOptions } from '../../src/index.js';
import { startService, type TestService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

let pulled = 0;
let onReturn: () => void = () => undefined;
let onAbort: () => void = () => undefined;
let onUnsubscribe: () => void = () => undefined;
let stored: unknown[] = [];

@Controller()
class WorkController {
  @MessagePattern('generate') async *generate(@Payload() count: number, @Ctx() context: UdpContext) {
    context.getSignal().addEventListener('abort', () => onAbort());
    try {
      for (let i = 0; i < count; i++) {
        pulled++;
        yield { i, padding: 'x'.repeat(900) };
      }
    } finally {
      onReturn();
    }
  }

  @MessagePattern('watch') watch(): Observable<string> {
    return new Observable((subscriber) => {
      subscriber.next('hello');
      return () => onUnsubscribe();
    });
  }

  @MessagePattern('flood') flood(): Observable<string> {
    return new Observable((subscriber) => {
      for (let i = 0; !subscriber.closed && i < 100_000; i++) subscriber.next('x'.repeat(400));
      onUnsubscribe();
    });
  }

  @MessagePattern('work') work(@Payload() _data: unknown, @Ctx() context: UdpContext): Promise<never> {
    context.getSignal().addEventListener('abort', () => onAbort());
    return new Promise(() => undefined);
  }

  @MessagePattern('length') length(@Payload() text: string): number {
    return text.length;
  }

  @MessagePattern('text') text(@Payload() bytes: number): string {
    return 'x'.repeat(bytes);
  }

  @EventPattern<string>('store') store(@Payload() data: unknown): void {
    stored.push(data);
  }
}

describe('the exchange over loopback', () => {
  let service: TestService;
  let peer: RawPeer;

  const start = async (options: ThrottledUdpTransportOptions = {}): Promise<void> => {
    service = await startService([WorkController], { drainTimeout: 50, ...options });
  };
  /** What must happen while a test goes on. */
  const happening = (listen: (tell: () => void) => void): Promise<void> => new Promise(listen);

  beforeEach(async () => {
    pulled = 0;
    stored = [];
    peer = await RawPeer.open();
  });

  afterEach(async () => {
    onAbort = onReturn = onUnsubscribe = () => undefined;
    await peer.close();
    await service.close();
  });

  it('returns a generator, and aborts its signal, when nobody wants its values any more', async () => {
    await start();
    const returned = happening((tell) => (onReturn = tell));
    const aborted = happening((tell) => (onAbort = tell));
    const first = await firstValueFrom(service.client().send<{ i: number }>('generate', 1e9));
    expect(first.i).toBe(0);
    await Promise.all([returned, aborted]);
    expect(service.transport.stats()).toMatchObject({
      handlers: { running: 0 },
      packets: { exchange: { cancelled: 1, running: 0, streams: 0 } },
    });
  });

  it('leaves the signal alone when a stream has come to its end', async () => {
    await start();
    let aborts = 0;
    onAbort = () => aborts++;
    const values = await lastValueFrom(service.client().send('generate', 3).pipe(toArray()));
    expect(values).toHaveLength(3);
    while (service.transport.stats().packets.exchange?.streams !== 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(aborts).toBe(0);
  });

  it('unsubscribes from an Observable when nobody wants its values any more', async () => {
    await start();
    const unsubscribed = happening((tell) => (onUnsubscribe = tell));
    expect(await firstValueFrom(service.client().send('watch', ''))).toBe('hello');
    await unsubscribed;
  });

  it('gives a request up by its signal, here and at the service', async () => {
    await start();
    const aborted = happening((tell) => (onAbort = tell));
    const controller = new AbortController();
    const client = service.client();
    const record = new UdpRecordBuilder('').setSignal(controller.signal).build();
    const answer = firstValueFrom(client.send('work', record));
    const failed = expect(answer).rejects.toMatchObject({ code: 'UDP_REQUEST_ABORTED', cause: 'enough' });
    while (service.transport.stats().handlers.running === 0)
      await new Promise((resolve) => setImmediate(resolve));
    controller.abort('enough');
    await failed;
    await aborted;
    expect(client.stats().packets.inFlight).toBe(0);
    await expect(firstValueFrom(client.send('length', record))).rejects.toMatchObject({
      code: 'UDP_REQUEST_ABORTED',
    });
  });

  it('pulls a generator no further than the window of a client that says nothing', async () => {
    await start();
    await peer.send(stamped({ pattern: 'generate', data: 1000 }), service.port);
    await peer.take(10);
    // Ten datagrams under way (RFC 9002 section 7.2), one that waits, one that was asked for.
    expect(pulled).toBeLessThanOrEqual(13);
    expect(service.transport.stats().packets.exchange).toMatchObject({ streams: 1 });
  });

  it('fails an Observable that runs over its bound, loudly and after what fitted', async () => {
    await start({ streamBuffer: 20_000 });
    const stopped = happening((tell) => (onUnsubscribe = tell));
    const seen: unknown[] = [];
    const failure = await new Promise((resolve) => {
      service
        .client()
        .send('flood', '')
        .subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    await stopped;
    expect(failure).toMatchObject({ code: 'UDP_OVERFLOW' });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen.length).toBeLessThan(100);
  });

  it('carries messages up to maxMessageSize both ways, and refuses larger ones with a clear error', async () => {
    await start({ maxMessageSize: 100_000 });
    const client = service.client();
    const ask = (pattern: string, data: unknown): Promise<unknown> =>
      firstValueFrom(client.send(pattern, data));
    expect(await ask('length', 'x'.repeat(90_000))).toBe(90_000);
    expect(await ask('text', 90_000)).toHaveLength(90_000);
    await expect(ask('length', 'x'.repeat(110_000))).rejects.toMatchObject({
      code: 'UDP_TOO_LARGE',
      wireCode: 'too-large',
    });
    await expect(ask('text', 110_000)).rejects.toMatchObject({ code: 'UDP_TOO_LARGE' });
    await expect(ask('length', 'x'.repeat(2 ** 20))).rejects.toMatchObject({ code: 'UDP_MESSAGE_TOO_LARGE' });
    expect(service.transport.stats().packets.exchange).toMatchObject({ reassemblyBytes: 0, streams: 0 });
  });

  it('carries large values of a stream, and large confirmable events', async () => {
    await start({ maxDatagramSize: 300 });
    const client = service.client({ confirmable: true, maxDatagramSize: 300 });
    const values = await lastValueFrom(client.send<{ i: number }>('generate', 20).pipe(toArray()));
    expect(values.map(({ i }) => i)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await lastValueFrom(client.emit('store', 'x'.repeat(5000)));
    expect(stored).toEqual(['x'.repeat(5000)]);
  });

  it('completes a confirmable event when the service has it, and fails it when nobody takes it', async () => {
    await start();
    const client = service.client();
    const confirmable = new UdpRecordBuilder({ c: 21 }).setConfirmable().build();
    await lastValueFrom(client.emit('store', confirmable));
    expect(stored).toEqual([{ c: 21 }]);
    await expect(lastValueFrom(client.emit('nobody', confirmable))).rejects.toMatchObject({
      code: 'UDP_NO_HANDLER',
    });
    const lost = new UdpRecordBuilder(1)
      .setConfirmable()
      .setTimeout(50)
      .setPeer({ host: '127.0.0.1', port: peer.port });
    await expect(lastValueFrom(client.emit('store', lost.build()))).rejects.toMatchObject({
      code: 'UDP_REQUEST_TIMEOUT',
    });
    expect(client.stats().failedEvents).toBe(2);
  });

  it('shows its own keys neither to serializers nor to deserializers', async () => {
    const keys = new Set<string>();
    const note = <T>(packet: T): T => {
      for (const key of Object.keys(packet as object)) keys.add(key);
      return packet;
    };
    await start({ serializer: { serialize: note }, deserializer: { deserialize: note as never } });
    const client = service.client({
      serializer: { serialize: note },
      deserializer: { deserialize: note as never },
    });
    expect(await firstValueFrom(client.send('length', 'abc'))).toBe(3);
    expect([...keys].sort()).toEqual(
      ['pattern', 'data', 'metadata', 'id', 'response', 'err', 'status', 'isDisposed'].sort(),
    );
  });

  it('serves a peer that writes no stamp in plain packets, each for itself', async () => {
    await start();
    await peer.send(JSON.stringify({ pattern: 'generate', data: 3, id: 's' }), service.port);
    const values = (await peer.take(4))
      .slice(0, 3)
      .map((data) => JSON.parse(String(data)) as { v?: number; response: { i: number } });
    expect(values.map(({ response }) => response.i)).toEqual([0, 1, 2]);
    expect(values.map(({ v }) => v)).toEqual([undefined, undefined, undefined]);
    expect(await peer.ask({ pattern: 'text', data: 5000, id: 't' }, service.port)).toMatchObject({
      code: 'too-large',
    });
  });

  it('answers a stamped request with a stamp, and a repeated one from memory', async () => {
    await start();
    const request = stamped({ pattern: 'length', data: 'abc' });
    const answers = [];
    for (const _copy of [1, 2]) {
      await peer.send(request, service.port);
      answers.push(JSON.parse(String((await peer.take())[0])) as { x: string });
    }
    expect(answers).toMatchObject([
      { v: 1, response: 3 },
      { v: 1, response: 3 },
    ]);
    expect(answers[0]?.x).toMatch(/^[0-9a-f]{8}01[0-9a-f]{8}$/);
    expect(service.transport.stats().packets).toMatchObject({ requests: 1, exchange: { duplicates: 1 } });
    await peer.send(stamped({ pattern: 'generate', data: 2 }, 'b'), service.port);
    const [segment] = await peer.take();
    expect(isFrame(segment as Buffer) && decodeFrame(segment as Buffer)).toMatchObject({
      kind: 'segment',
      seq: 0,
    });
  });
});

/** A request as a peer writes it that speaks the exchange. */
function stamped(question: { pattern: string; data: unknown }, digit = 'a'): string {
  const x = `${'c'.repeat(16)}01${'0'.repeat(8)}${'f'.repeat(8)}${'0'.repeat(8)}`;
  return JSON.stringify({ v: 1, x, ...question, id: digit.repeat(16) });
}
