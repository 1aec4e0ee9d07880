import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, NEVER, type Observable } from 'rxjs';
import {
  ThrottledUdpClient,
  ThrottledUdpTransport,
  UdpContext,
  UdpRecordBuilder,
  type BoundAddress,
} from '../../src/index.js';
import { startService, type TestService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

@Controller()
class EchoController {
  @MessagePattern('echo') echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('metadata') metadata(@Ctx() context: UdpContext): unknown {
    return context.getMetadata();
  }

  @MessagePattern('never') never(): Observable<never> {
    return NEVER;
  }

  @EventPattern<string>('ignore') ignore(): void {}
}

describe('ThrottledUdpClient', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService([EchoController], { drainTimeout: 20 });
  });

  afterAll(() => service.close());

  it('binds once, tells its status, and shows its socket', async () => {
    const client = service.client();
    expect(() => client.unwrap()).toThrow(/connect/);
    const states: string[] = [];
    client.status.subscribe((state) => states.push(state));
    const listening: BoundAddress[] = [];
    client.on('listening', (address) => listening.push(address));
    await Promise.all([client.connect(), client.connect(), firstValueFrom(client.send('echo', 1))]);
    expect(client.stats().address?.port).toBe(listening[0]?.port);
    await client.close();
    await client.close();
    expect(states).toEqual(['listening', 'closed']);
    expect(listening).toHaveLength(1);
  });

  it('fails what is in flight when it closes, and every call after it', async () => {
    const client = service.client();
    const answer = firstValueFrom(client.send('never', 1));
    await client.connect();
    const failed = expect(answer).rejects.toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
    await client.close();
    await failed;
    await expect(firstValueFrom(client.send('echo', 1))).rejects.toMatchObject({
      code: 'UDP_ENDPOINT_CLOSED',
    });
    await expect(lastValueFrom(client.emit('ignore', 1))).rejects.toMatchObject({
      code: 'UDP_ENDPOINT_CLOSED',
    });
  });

  it('fails what is in flight when the signal of its socket is aborted', async () => {
    const controller = new AbortController();
    const client = service.client({ socket: { signal: controller.signal }, timeout: Infinity });
    const states: string[] = [];
    client.status.subscribe((state) => states.push(state));
    await client.connect();
    const answer = firstValueFrom(client.send('never', 1));
    while (client.stats().packets.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
    await client.close();
    expect(client.stats().packets.inFlight).toBe(0);
    expect(states).toEqual(['listening', 'closed']);
  });

  it('forgets a request that nobody waits for', async () => {
    const client = service.client();
    const subscription = client.send('never', 1).subscribe();
    while (client.stats().packets.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    subscription.unsubscribe();
    expect(client.stats().packets.inFlight).toBe(0);
  });

  it('emits whether or not somebody subscribes, and gives one value to whoever does, early or late', async () => {
    const client = service.client();
    const before = service.transport.stats().packets.events;
    const told = client.emit('ignore', 1);
    expect(await firstValueFrom(told)).toBeUndefined();
    expect(await firstValueFrom(told)).toBeUndefined();
    while (service.transport.stats().packets.events === before)
      await new Promise((resolve) => setImmediate(resolve));
  });

  it('counts an event that failed unobserved', async () => {
    const client = service.client({ upload: 1, queue: { maxBytes: 10 } });
    for (let i = 0; i < 3; i++) client.emit('ignore', 'longer than the queue');
    while (client.stats().failedEvents < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(client.stats().upload.drops.overflow?.datagrams).toBe(2);
  });

  it('keeps its requests to the upload limit', async () => {
    const client = service.client({ upload: { rate: 5000, burst: 50 } });
    const start = performance.now();
    for (let i = 0; i < 5; i++) await firstValueFrom(client.send('echo', 'x'.repeat(50)));
    const { bytes } = client.stats().upload;
    expect(performance.now() - start).toBeGreaterThan(((bytes * 4) / 5 / 5000) * 1000 - 20);
  });

  it('fails at once when connected and nobody listens', async () => {
    const peer = await RawPeer.open();
    const { port } = peer;
    await peer.close();
    const client = new ThrottledUdpClient({ port, connected: true, timeout: 10_000 });
    await expect(firstValueFrom(client.send('echo', 1))).rejects.toMatchObject({
      code: 'UDP_PEER_UNREACHABLE',
    });
    await client.close();
  });

  it('asks a connected server as any other', async () => {
    const client = service.client({ connected: true });
    expect(await firstValueFrom(client.send('echo', { a: 1 }))).toEqual({ a: 1 });
    expect(await firstValueFrom(client.send('echo', { a: 2 }))).toEqual({ a: 2 });
  });

  it.each([
    ['a pattern that is a list', ['echo'], {}, 'pattern must be a text, a number or an object, got an array'],
    ['a pattern that is a symbol', Symbol('echo'), {}, 'pattern must be a text, a number or an object'],
    ['a number in metadata', 'echo', { trace: 1 }, 'metadata.trace must be a text, got 1'],
    ['nothing in metadata', 'echo', { trace: undefined }, 'metadata.trace must be a text, got undefined'],
  ])('refuses %s, and sends nothing', async (_what, pattern, metadata, sentence) => {
    const client = service.client();
    const record = new UdpRecordBuilder(1).setMetadata(metadata as Record<string, string>).build();
    for (const call of [client.send(pattern, record), client.emit(pattern, record)]) {
      const failure = lastValueFrom(call);
      await expect(failure).rejects.toMatchObject({ code: 'UDP_INVALID_OPTION' });
      await expect(failure).rejects.toThrow(sentence);
    }
    expect(client.stats().upload.datagrams).toBe(0);
  });

  it.each([
    ['a host that does not exist', { host: 'no-such-host.invalid' }, 'UDP_HOST_NOT_FOUND'],
    ['a local port that is taken', { localHost: '127.0.0.1', localPort: -1 }, 'UDP_BIND_FAILED'],
  ])('tells of %s', async (_what, options, code) => {
    const localPort = 'localPort' in options ? { localPort: service.port } : {};
    const lookup = ((_host: string, _options: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }))) as never;
    const client = new ThrottledUdpClient({
      port: service.port,
      ...options,
      ...localPort,
      socket: { lookup },
    });
    await expect(firstValueFrom(client.send('echo', 1))).rejects.toMatchObject({ code });
    await client.close();
  });

  it('runs dispatch hooks, serializers and deserializers, asynchronous ones too', async () => {
    const wrapped = await startService([EchoController], {
      deserializer: {
        deserialize: async (packet) => ({ ...packet, data: { in: (packet as { data: unknown }).data } }),
      },
      serializer: {
        serialize: async (packet) => ({
          ...packet,
          response: { out: (packet as { response?: unknown }).response },
        }),
      },
    });
    const client = new ThrottledUdpClient({
      port: wrapped.port,
      serializer: { serialize: (packet) => ({ ...packet, data: ['sent', packet.data as unknown] }) },
      deserializer: {
        deserialize: async (packet) => ({
          ...packet,
          response: ['got', (packet as { response?: unknown }).response],
        }),
      },
    });
    expect(await firstValueFrom(client.send('echo', 1))).toEqual(['got', { out: { in: ['sent', 1] } }]);
    await client.close();
    await wrapped.close();
  });

  it('runs the processing hooks around a handler, and the dispatch hook before a packet leaves', async () => {
    const transport = new ThrottledUdpTransport({ port: 0 });
    const calls: string[] = [];
    transport.setOnProcessingStartHook((id, context, done) => {
      calls.push(`start ${String(id)} ${(context as UdpContext).getPattern()}`);
      void done();
    });
    transport.setOnProcessingEndHook((id, context) => {
      calls.push(`end ${String(id)} ${(context as UdpContext).getPattern()}`);
    });
    transport.addHandler('echo', (data: unknown) => {
      calls.push('handler');
      return Promise.resolve(data);
    });
    await new Promise((resolve) => transport.listen(resolve));
    const client = transport.createClient({ port: transport.address()?.port ?? 0 });
    const hooked = client as unknown as {
      setOnDispatchHook?: (hook: (packet: { metadata?: object }) => void) => void;
    };
    hooked.setOnDispatchHook?.((packet) => {
      calls.push('dispatch');
      packet.metadata = { trace: 'a' };
    });
    expect(await firstValueFrom(client.send('echo', 5))).toBe(5);
    const expected = [
      'start Symbol(throttled-udp:default) echo',
      'handler',
      'end Symbol(throttled-udp:default) echo',
    ];
    // Nest 11 has no dispatch hook.
    expect(calls.filter((call) => call !== 'dispatch')).toEqual(expected);
    expect(calls.includes('dispatch')).toBe(hooked.setOnDispatchHook !== undefined);
    await transport.close();
  });
});
