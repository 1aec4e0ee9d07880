import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, toArray } from 'rxjs';
import {
  Bandwidth,
  JsonCodec,
  RawCodec,
  ThrottledUdpClient,
  ThrottledUdpTransport,
  TrafficClass,
  UdpRecordBuilder,
  Unmetered,
  type ThrottledUdpTransportOptions,
} from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';
import { startService, type TestService } from '../support/apps.js';

@Controller()
class LogController {
  @MessagePattern('sum') sum(@Payload() data: number[]): number {
    return data.reduce((total, value) => total + value, 0);
  }

  @MessagePattern('list') @Bandwidth({ rate: '10 kB/s', burst: 200 }) @TrafficClass('bulk') async *list() {
    for (let line = 0; line < 20; line++) yield 'x'.repeat(120);
  }

  @MessagePattern('health') @Unmetered() health(): string {
    return 'up';
  }
}

describe('limits of handlers', () => {
  let service: TestService | undefined;
  afterEach(() => service?.close());

  it('slow one handler down and no other, over a real socket', async () => {
    service = await startService([LogController]);
    const client = service.client();
    const list = firstValueFrom(client.send<string>('list', 0).pipe(toArray()));
    let isListed = false;
    void list.then(() => (isListed = true));
    expect(await firstValueFrom(client.send<number>('sum', [1, 2, 3]))).toBe(6);
    // Twenty lines of some 170 bytes take a third of a second at 10 kB/s: the sum has not waited for them.
    expect(isListed).toBe(false);
    expect(await list).toHaveLength(20);
    const { classes } = service.transport.stats().upload;
    expect([classes.bulk.datagrams, classes.interactive.datagrams]).toEqual([21, 1]); // and the end of the list
    expect(classes.bulk.sojournP50Ms).toBeGreaterThan(5);
  });

  it('can be changed while they run, also where the decorator says nothing', async () => {
    service = await startService([LogController]);
    const { upload } = service.transport;
    expect([upload.pattern('list').rate, upload.pattern('sum').rate]).toEqual([10_000, Infinity]);
    upload.pattern('sum').setRate('1 kB/s');
    upload.pattern('sum').pause();
    const client = service.client();
    const sum = firstValueFrom(client.send<number>('sum', [1]));
    expect(await firstValueFrom(client.send<string>('health', 0))).toBe('up');
    while (upload.pattern('sum').stats().queuedBytes === 0) await firstValueFrom(client.send('health', 0));
    upload.pattern('sum').resume();
    expect(await sum).toBe(1);
    expect(() => upload.pattern('nothing')).toThrow("pattern 'nothing' has no handler");
  });

  it('hold back nothing that is unmetered, though all of the transport is paused', async () => {
    service = await startService([LogController], { upload: '100 B/s' });
    service.transport.upload.pause();
    expect(await firstValueFrom(service.client().send<string>('health', 0))).toBe('up');
  });
});

describe('requests that come while replies wait', () => {
  it('are refused as busy once these take more than a second', async () => {
    const { client, server, outcomes, ask, clock } = await setUp({ upload: { rate: 1000, burst: 100 } });
    for (let nth = 0; nth < 40; nth++) {
      ask();
      await clock.advance(1);
    }
    await clock.advance(1000);
    expect(outcomes.get('UDP_BUSY')).toBeGreaterThan(0);
    expect(server.stats().handlers.refusedBusy).toBeGreaterThan(20);
    // Most are not even told: refusals keep to 5 % of the limit.
    expect(server.stats().download.drops['busy']!.datagrams).toBeGreaterThan(20);
    await clock.advance(3000);
    expect(outcomes.get('value')).toBeGreaterThan(6);
    await Promise.all([client.close(), server.close()]);
  });

  it('are refused for the peer of which much waits, and for no other', async () => {
    const { client, server, outcomes, ask, clock, network } = await setUp({
      perPeer: { upload: { rate: 1000, burst: 100 } },
    });
    for (let nth = 0; nth < 40; nth++) {
      ask();
      await clock.advance(1);
    }
    await clock.advance(5000);
    expect(outcomes.get('UDP_BUSY')).toBeGreaterThan(20);
    for (let nth = 0; nth < 20; nth++) {
      ask();
      await clock.advance(1);
    }
    const other = new ThrottledUdpClient({ host: '10.0.0.1', port: 5000 }, network.environment('10.0.0.3'));
    const answer = firstValueFrom(other.send<string>('pad', 10));
    await clock.advance(100);
    expect(await answer).toBe('x'.repeat(10));
    await clock.advance(10_000);
    await Promise.all([client.close(), other.close(), server.close()]);
  });

  it('are all served with queue.busyAfter: Infinity', async () => {
    const { client, server, outcomes, ask, clock } = await setUp({
      upload: { rate: 1000, burst: 100 },
      queue: { busyAfter: Infinity },
    });
    for (let nth = 0; nth < 20; nth++) ask();
    await clock.advance(4000);
    expect([outcomes.get('value'), outcomes.get('UDP_BUSY')]).toEqual([20, undefined]);
    await Promise.all([client.close(), server.close()]);
  });

  it('twice as many as the limit can answer leave nine tenths of it for answers', async () => {
    const bytesPerSecond = 20_000;
    const { client, server, outcomes, ask, clock } = await setUp({ upload: bytesPerSecond }, false);
    const replyBytes = 500;
    const seconds = 30;
    ask(replyBytes);
    await clock.advance(100);
    const wireBytes = server.stats().upload.bytes;
    const perSecond = Math.ceil((2 * bytesPerSecond) / wireBytes);
    outcomes.clear();
    for (let nth = 0; nth < seconds * perSecond; nth++) {
      ask(replyBytes);
      await clock.advance(1000 / perSecond);
    }
    const goodput = (outcomes.get('value') ?? 0) * wireBytes;
    expect(goodput).toBeGreaterThanOrEqual(0.9 * bytesPerSecond * (seconds - 1));
    // The others are told, none is left to wonder.
    await clock.advance(10_000);
    const told = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    expect(told).toBe(seconds * perSecond);
    expect(outcomes.get('UDP_BUSY')).toBeGreaterThan(0);
    await Promise.all([client.close(), server.close()]);
  });

  it('are not sent again while their replies wait in turn', async () => {
    const { client, server, outcomes, ask, clock } = await setUp(
      { upload: 20_000, queue: { busyAfter: Infinity } },
      false,
    );
    for (let nth = 0; nth < 50; nth++) ask(900);
    await clock.advance(4000);
    expect(outcomes.get('value')).toBe(50);
    // The last one has waited for two and a half seconds: nobody has asked a third time meanwhile.
    expect(client.stats().packets.exchange?.retransmissions).toBeLessThanOrEqual(50);
    expect(server.stats().packets.exchange?.duplicates).toBeLessThanOrEqual(50);
    await Promise.all([client.close(), server.close()]);
  });

  async function setUp(options: ThrottledUdpTransportOptions, isPlain = true) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const server = new ThrottledUdpTransport({ ...options, port: 5000 }, network.environment('10.0.0.1'));
    server.addHandler('pad', (bytes: number) => Promise.resolve('x'.repeat(bytes)));
    await new Promise((resolve) => server.listen(resolve));
    const client = new ThrottledUdpClient(
      { host: '10.0.0.1', port: 5000, codec: isPlain ? plainCodec() : new JsonCodec() },
      network.environment('10.0.0.2'),
    );
    const outcomes = new Map<string, number>();
    const count = (outcome: string): unknown => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const ask = (bytes = 100): void => {
      client.send('pad', bytes).subscribe({
        next: () => count('value'),
        error: ({ code }: { code: string }) => count(code),
      });
    };
    return { clock, network, server, client, outcomes, ask };
  }
});

/** JSON as Nest alone writes it: each request is sent once, and its first answer counts. */
function plainCodec(): JsonCodec {
  return Object.assign(new JsonCodec(), { exchange: false });
}

describe('traffic classes of what a caller sends', () => {
  it('decide who goes first: bytes by an option of send(), calls by their record', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const sink = new ThrottledUdpTransport(
      { port: 5000, codec: new RawCodec() },
      network.environment('10.0.0.1'),
    );
    const order: string[] = [];
    sink.addHandler('@OnDatagram', (data: Buffer) => Promise.resolve(void order.push(String(data))));
    await new Promise((resolve) => sink.listen(resolve));
    const sender = new ThrottledUdpTransport(
      { port: 5001, upload: { rate: 1000, burst: 10 } },
      network.environment('10.0.0.2'),
    );
    const to = { host: '10.0.0.1', port: 5000 };
    for (const trafficClass of ['interactive', 'bulk', 'interactive', 'control'] as const) {
      void sender.send(trafficClass.padEnd(20), to, { trafficClass });
    }
    await clock.advance(2000);
    expect(order.splice(0).map((text) => text.trim())).toEqual([
      'interactive',
      'control',
      'interactive',
      'bulk',
    ]);

    const client = sender.createClient(to);
    client.emit('first', 1);
    client.emit('second', 2);
    client.emit('urgent', new UdpRecordBuilder(3).setTrafficClass('control').build());
    await clock.advance(2000);
    expect(order.map((text) => (JSON.parse(text) as { pattern: string }).pattern)).toEqual([
      'first',
      'urgent',
      'second',
    ]);
    await Promise.all([client.close(), sender.close(), sink.close()]);
  });

  it('and signals are read with care', async () => {
    const sender = new ThrottledUdpTransport({ port: 0 });
    const to = { host: '127.0.0.1', port: 9 };
    await expect(sender.send('x', to, { trafficClass: 'urgent' as never })).rejects.toThrow(
      'trafficClass must be one of',
    );
    await expect(sender.send('x', to, { signal: {} as never })).rejects.toThrow(
      'signal must be an AbortSignal',
    );
    await expect(sender.send('x', to, { ttl: 3 } as never)).rejects.toThrow('ttl is not an option');
    await expect(sender.send('x', to, { signal: AbortSignal.abort(new Error('late')) })).rejects.toThrow(
      'late',
    );
    expect(() => new UdpRecordBuilder(1).setTrafficClass('urgent' as never)).toThrow(
      'trafficClass must be one of',
    );
    await sender.close();
  });
});
