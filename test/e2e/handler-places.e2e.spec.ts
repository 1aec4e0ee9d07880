import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import {
  OnDatagram,
  RawCodec,
  ThrottledUdpTransport,
  type ThrottledUdpClient,
  type UdpContext,
} from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';
import { startService, type TestService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

/** What runs, and how to end it. */
class Work {
  readonly begun: unknown[] = [];
  readonly #open = new Map<unknown, () => void>();

  async do(data: unknown): Promise<unknown> {
    this.begun.push(data);
    await new Promise<void>((resolve) => this.#open.set(data, resolve));
    return data;
  }

  end(data: unknown): void {
    this.#open.get(data)?.();
    this.#open.delete(data);
  }
}

let work = new Work();

@Controller()
class WorkController {
  @MessagePattern('work') work(@Payload() data: unknown): Promise<unknown> {
    return work.do(data);
  }

  /** @returns how much memory its datagram keeps from being freed, and how much it needs */
  @MessagePattern('held') async held(
    @Payload() data: unknown,
    @Ctx() context: UdpContext,
  ): Promise<number[]> {
    await work.do(data);
    const { buffer, length } = context.getDatagram();
    return [buffer.byteLength, length];
  }

  @EventPattern<string>('told') told(@Payload() data: unknown): Promise<unknown> {
    return work.do(data);
  }
}

@Controller()
class TwoRawController {
  @OnDatagram() one(@Payload() data: Buffer): Promise<unknown> {
    return work.do(`one ${data.toString()}`);
  }

  @OnDatagram() two(@Payload() data: Buffer): Promise<unknown> {
    return work.do(`two ${data.toString()}`);
  }
}

const request = (id: number): string => JSON.stringify({ pattern: 'work', data: id, id });

describe('a service with few places for handlers', () => {
  let service: TestService | undefined;
  let peer: RawPeer | undefined;
  afterEach(async () => {
    await peer?.close();
    for (const data of work.begun) work.end(data);
    await service?.close();
    service = peer = undefined;
  });

  it('lets requests wait their turn, and refuses what has no room as busy', async () => {
    const { transport, port, raw } = await start({ maxConcurrentHandlers: 2, maxWaitingBytes: 1200 });
    for (let id = 1; id <= 5; id++) await raw.send(request(id), port);
    const [refused] = await raw.take();
    expect(JSON.parse(String(refused))).toMatchObject({ id: 5, code: 'busy' });
    expect(work.begun).toEqual([1, 2]);
    expect(transport.stats().handlers).toMatchObject({
      running: 2,
      waiting: 2,
      waitingBytes: 2 * (512 + request(3).length),
      refusedFull: 1,
      refusedBusy: 0,
    });
    await raw.send('{"pattern":"told","data":"event"}', port);
    await until(() => transport.stats().handlers.refusedFull === 2);
    expect(transport.stats().download.drops['busy']?.datagrams).toBe(1);
    work.end(2);
    expect(JSON.parse(String((await raw.take())[0]))).toMatchObject({ id: 2, response: 2 });
    await until(() => work.begun.length === 3);
    expect(work.begun).toEqual([1, 2, 3]);
    for (const id of [1, 3]) work.end(id);
    await until(() => work.begun.length === 4);
    work.end(4);
    expect(await raw.take(3)).toHaveLength(3);
    expect(transport.stats().handlers).toMatchObject({ running: 0, waiting: 0, waitingBytes: 0 });
  });

  it('keeps what waits in memory of its own', async () => {
    const { port, raw } = await start({ maxConcurrentHandlers: 1, maxWaitingBytes: 4000 });
    for (let id = 1; id <= 3; id++) await raw.send(request(id).replace('work', 'held'), port);
    await until(() => work.begun.length === 1);
    for (let id = 1; id <= 3; id++) {
      await until(() => work.begun.length === id);
      work.end(id);
      const { response } = JSON.parse(String((await raw.take())[0])) as { response: [number, number] };
      if (id > 1) expect(response[0]).toBe(response[1]);
    }
  });

  it('tells clients of the exchange to come again, and they are answered', async () => {
    const { transport, client } = await start({ maxConcurrentHandlers: 1, maxWaitingBytes: 512 });
    const first = firstValueFrom(client.send('work', 1));
    await until(() => work.begun.length === 1);
    const second = firstValueFrom(client.send('work', 2));
    const third = firstValueFrom(client.emit('told', 3));
    await until(() => transport.stats().handlers.refusedFull >= 2);
    expect(work.begun).toEqual([1]);
    work.end(1);
    expect(await first).toBe(1);
    for (let nth = 1; nth <= 2; nth++) {
      await until(() => work.begun.length > nth);
      work.end(work.begun[nth]);
    }
    expect(await second).toBe(2);
    await third;
  });

  it('acknowledges a confirmable event when its turn has come', async () => {
    const { transport, client } = await start({ maxConcurrentHandlers: 1 });
    void firstValueFrom(client.send('work', 1)).catch(() => undefined);
    await until(() => work.begun.length === 1);
    let isReceived = false;
    const told = firstValueFrom(client.emit('told', 'event')).then(() => (isReceived = true));
    await until(() => transport.stats().handlers.waiting === 1);
    expect(isReceived).toBe(false);
    work.end(1);
    await told;
    expect(work.begun).toEqual([1, 'event']);
  });

  it('does not run what its client gives up while it waits', async () => {
    const { transport, client } = await start({ maxConcurrentHandlers: 1 });
    void firstValueFrom(client.send('work', 1)).catch(() => undefined);
    await until(() => work.begun.length === 1);
    const asked = client.send('work', 2).subscribe({ error: () => undefined });
    await until(() => transport.stats().handlers.waiting === 1);
    asked.unsubscribe();
    await until(() => transport.stats().handlers.waiting === 0);
    expect(transport.stats().handlers.waitingBytes).toBe(0);
    const third = firstValueFrom(client.send('work', 3));
    await until(() => transport.stats().handlers.waiting === 1);
    work.end(1);
    await until(() => work.begun.length === 2);
    work.end(3);
    expect(await third).toBe(3);
    expect(work.begun).toEqual([1, 3]);
  });

  it('refuses what waits when it closes, and lets what runs end', async () => {
    const { transport, port, raw, client } = await start({ maxConcurrentHandlers: 1 });
    await raw.send(request(1), port);
    await until(() => work.begun.length === 1);
    await raw.send(request(2), port);
    const third = firstValueFrom(client.send('work', 3)).catch((error: unknown) => error);
    await until(() => transport.stats().handlers.waiting === 2);
    const stopped = transport.stopIntake();
    expect(JSON.parse(String((await raw.take())[0]))).toMatchObject({ id: 2, code: 'closing' });
    expect(await third).toMatchObject({ code: 'UDP_CLOSING' });
    work.end(1);
    await stopped;
    expect(JSON.parse(String((await raw.take())[0]))).toMatchObject({ id: 1, response: 1 });
    expect(work.begun).toEqual([1]);
    expect(transport.stats().handlers).toMatchObject({ refusedClosing: 2, running: 0 });
  });

  it('counts each of the handlers that a raw datagram goes to', async () => {
    work = new Work();
    service = await startService([TwoRawController], { codec: new RawCodec(), maxConcurrentHandlers: 3 });
    peer = await RawPeer.open();
    for (const text of ['a', 'b']) await peer.send(text, service.port);
    const { transport } = service;
    await until(() => transport.stats().handlers.waiting === 1);
    expect(work.begun).toEqual(['one a', 'two a']);
    work.end('one a');
    await until(() => work.begun.length === 4);
    expect(transport.stats().handlers).toMatchObject({ running: 3, waiting: 0 });
  });

  async function start(options: { maxConcurrentHandlers: number; maxWaitingBytes?: number }) {
    work = new Work();
    service = await startService([WorkController], options);
    peer = await RawPeer.open();
    const client: ThrottledUdpClient = service.client({ confirmable: true });
    return { transport: service.transport, port: service.port, raw: peer, client };
  }
});

describe('a request that waits longer than its client does', () => {
  it('does not run', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const service = new ThrottledUdpTransport(
      { host: '10.0.0.1', port: 5000, maxConcurrentHandlers: 1 },
      network.environment('10.0.0.1'),
    );
    const begun: unknown[] = [];
    let end = (): void => undefined;
    service.addHandler('work', async (data: unknown) => {
      begun.push(data);
      if (data === 1) await new Promise<void>((resolve) => (end = resolve));
      return data as never;
    });
    service.addHandler('told', async (data: unknown) => void begun.push(data) as never, true);
    await new Promise((resolve) => service.listen(resolve));
    const other = new ThrottledUdpTransport(
      { host: '10.0.0.2', port: 5000 },
      network.environment('10.0.0.2'),
    );
    const client = other.createClient({ host: '10.0.0.1', port: 5000, timeout: 1000, confirmable: true });
    const failed: string[] = [];
    await other.send('{"pattern":"work","data":1,"id":1}', { host: '10.0.0.1', port: 5000 });
    await clock.advance(10);
    client.send('work', 2).subscribe({ error: () => failed.push('request') });
    client.emit('told', 'event').subscribe({ error: () => failed.push('event') });
    await clock.advance(10);
    expect(service.stats().handlers.waiting).toBe(2);
    // The service does not hear that its client gives up.
    network.change({ loss: 1 });
    await clock.advance(5000);
    expect(failed.sort()).toEqual(['event', 'request']);
    network.change({ loss: 0 });
    end();
    await clock.advance(1000);
    expect(begun).toEqual([1]);
    expect(service.stats().handlers).toMatchObject({ running: 0, waiting: 0, waitingBytes: 0, tooLate: 2 });
    expect(service.stats().packets.exchange).toMatchObject({ running: 0 });
    await other.close();
    await service.close();
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
