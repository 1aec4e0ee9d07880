import { describe, expect, it } from '@jest/globals';
import type { LookupFunction } from 'node:net';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import {
  ThrottledUdpClient,
  ThrottledUdpTransport,
  UdpRecordBuilder,
  type ThrottledUdpClientOptions,
} from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';

/** A service on 127.0.0.1:5000, and look-ups that a test answers when it wants to. */
async function setUp() {
  const clock = new ManualClock();
  const network = new VirtualNetwork({ clock });
  const server = new ThrottledUdpTransport({ port: 5000, drainTimeout: 0 }, network.environment());
  server.addHandler('echo', (data: unknown) => Promise.resolve(data));
  server.addHandler('never', () => new Promise<never>(() => undefined));
  await new Promise((resolve) => server.listen(resolve));
  const asked: Parameters<LookupFunction>[2][] = [];
  const lookup = ((_host, _options, callback) => void asked.push(callback)) as LookupFunction;
  return {
    clock,
    server,
    asked,
    answer: () => asked.splice(0).forEach((callback) => callback(null, '127.0.0.1', 4)),
    fail: () => asked.splice(0).forEach((callback) => callback(new Error('no answer'), '', 0)),
    client: (options: ThrottledUdpClientOptions = {}) =>
      new ThrottledUdpClient(
        { host: 'service.test', port: 5000, localPort: 5001, socket: { lookup }, ...options },
        network.environment(),
      ),
    transport: (host?: string) =>
      new ThrottledUdpTransport(
        { port: 5001, socket: { lookup }, ...(host === undefined ? {} : { host }) },
        network.environment(),
      ),
  };
}

/** Writes down what becomes of a promise, and when. */
function watch(promise: Promise<unknown>, clock: ManualClock): string[] {
  const told: string[] = [];
  promise.then(
    () => told.push(`done @${clock.now()}`),
    (error: unknown) => told.push(`${(error as { code: string }).code} @${clock.now()}`),
  );
  return told;
}

describe('while a host is looked up', () => {
  it.each([
    ['the host to ask', {}],
    ['the host to connect to', { connected: true }],
    ['the host to bind', { host: '127.0.0.1', localHost: 'here.test' }],
  ])('a request waits no longer than its timeout for %s', async (_what, options) => {
    const { clock, server, client } = await setUp();
    const asker = client({ timeout: 200, ...options });
    const told = watch(firstValueFrom(asker.send('echo', 1)), clock);
    await clock.advance(199);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['UDP_REQUEST_TIMEOUT @200']);
    await Promise.all([asker.close(), clock.advance(10_000)]);
    await server.close();
  });

  it('the time of a request passes', async () => {
    const { clock, server, client, answer } = await setUp();
    const asker = client({ timeout: 200 });
    const failure = firstValueFrom(asker.send('never', 1));
    const told = watch(failure, clock);
    await clock.advance(150);
    answer();
    await clock.advance(49);
    expect(asker.stats().packets.inFlight).toBe(1);
    await clock.advance(1);
    expect(told).toEqual(['UDP_REQUEST_TIMEOUT @200']);
    await expect(failure).rejects.toThrow('no reply from 127.0.0.1:5000 within 200 ms');
    await asker.close();
    await Promise.all([server.close(), clock.advance(1000)]);
  });

  it('a request that nobody waits for any more is not sent', async () => {
    const { clock, server, client, answer } = await setUp();
    const asker = client();
    const subscription = asker.send('echo', 1).subscribe();
    await clock.advance(10);
    subscription.unsubscribe();
    answer();
    await clock.advance(10);
    expect([asker.stats().upload.datagrams, server.stats().packets.requests]).toEqual([0, 0]);
    await asker.close();
    await server.close();
  });

  it('a request whose signal is aborted already asks for no address', async () => {
    const { clock, server, client, asked } = await setUp();
    const asker = client();
    const record = new UdpRecordBuilder(1).setSignal(AbortSignal.abort()).build();
    const told = watch(firstValueFrom(asker.send('echo', record)), clock);
    await clock.advance(10);
    expect([told, asked.length]).toEqual([['UDP_REQUEST_ABORTED @0'], 0]);
    await asker.close();
    await server.close();
  });

  it('close() fails the requests that wait for it at once', async () => {
    const { clock, server, client } = await setUp();
    const asker = client();
    const told = watch(firstValueFrom(asker.send('echo', 1)), clock);
    await clock.advance(10);
    const closed = asker.close();
    await clock.advance(0);
    expect(told).toEqual(['UDP_ENDPOINT_CLOSED @10']);
    await Promise.all([closed, clock.advance(10_000)]);
    await server.close();
  });

  it('close() waits for events that could not leave yet', async () => {
    const { clock, server, client, answer } = await setUp();
    const asker = client();
    const told = Array.from({ length: 1000 }, () => lastValueFrom(asker.emit('echo', 1).pipe(toArray())));
    const closed = asker.close();
    await clock.advance(100);
    answer();
    await Promise.all(told);
    await closed;
    expect(asker.stats().upload.datagrams).toBe(1000);
    await server.close();
  });

  it('close() waits for what a transport was given to send', async () => {
    const { clock, server, transport, answer } = await setUp();
    const sender = transport();
    const sent = Array.from({ length: 1000 }, () => sender.send('x', { host: 'service.test', port: 5000 }));
    const closed = sender.close();
    await clock.advance(100);
    answer();
    await Promise.all(sent);
    await closed;
    expect(sender.stats().upload.datagrams).toBe(1000);
    await server.close();
  });

  it('close() settles what waits for an answer that never comes', async () => {
    const { clock, server, client, transport } = await setUp();
    const asker = client({ connected: true });
    const sender = transport('here.test');
    const told = [
      watch(lastValueFrom(asker.emit('echo', 1)), clock),
      watch(sender.send('x', { host: 'service.test', port: 5000 }), clock),
      watch(asker.close(), clock),
      watch(sender.close(), clock),
    ];
    await clock.advance(6000);
    expect(told.flat()).toEqual([
      'UDP_ENDPOINT_CLOSED @5000',
      'UDP_ENDPOINT_CLOSED @5000',
      'done @5000',
      'done @5000',
    ]);
    await server.close();
  });
});

describe('after a look-up that has failed', () => {
  it.each([
    ['the host to connect to', { connected: true }],
    ['the host to bind', { host: '127.0.0.1', localHost: 'here.test' }],
  ])('the next call of a client looks up %s again', async (_what, options) => {
    const { clock, server, client, answer, fail } = await setUp();
    const asker = client(options);
    const first = watch(firstValueFrom(asker.send('echo', 1)), clock);
    await clock.advance(0);
    fail();
    await clock.advance(0);
    expect(first).toEqual(['UDP_HOST_NOT_FOUND @0']);
    const second = watch(firstValueFrom(asker.send('echo', 1)), clock);
    await clock.advance(0);
    answer();
    await clock.advance(10);
    expect(second).toHaveLength(1);
    expect(second[0]).toMatch(/^done/);
    await asker.close();
    await server.close();
  });

  it('the next send of a transport looks up the host to bind again', async () => {
    const { clock, server, transport, answer, fail } = await setUp();
    const sender = transport('here.test');
    const first = watch(sender.send('x', { host: '127.0.0.1', port: 5000 }), clock);
    fail();
    await clock.advance(0);
    expect(first).toEqual(['UDP_HOST_NOT_FOUND @0']);
    const second = watch(sender.send('x', { host: '127.0.0.1', port: 5000 }), clock);
    answer();
    await clock.advance(0);
    expect(second).toEqual(['done @0']);
    await sender.close();
    await server.close();
  });
});
