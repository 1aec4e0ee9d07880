import { describe, expect, it } from '@jest/globals';
import type { OutgoingDatagram } from '../../src/endpoint/datagram-socket.js';
import { SendFailedError } from '../../src/endpoint/endpoint.errors.js';
import { SendRetry, type Retryable } from '../../src/endpoint/send-retry.js';
import type { UdpEnvironment } from '../../src/endpoint/udp-environment.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { Probe, rejection, resolved } from './fixture.js';

const PEER = PeerAddress.of('10.0.0.1', 3000);

describe('SendRetry', () => {
  it.each([
    ['ENOBUFS', true],
    ['EAGAIN', true],
    ['EMSGSIZE', false],
    ['EACCES', false],
    ['ECONNREFUSED', false],
  ])('of %s: sends again: %p', (code, expected) => {
    const { retry } = setUp();
    expect(retry.take(datagram(), errno(code))).toBe(expected);
    expect(retry.drain()).toHaveLength(expected ? 1 : 0);
  });

  it('waits 1, 2, 4, 8, then 10 ms while the kernel has no room', async () => {
    const { clock, retry, sent } = setUp((item) => void retry.take(item, errno('ENOBUFS')));
    retry.take(datagram(), errno('ENOBUFS'));
    await clock.advance(36);
    expect(sent.map(({ atMs }) => atMs)).toEqual([1, 3, 7, 15, 25, 35]);
  });

  it('starts with the shortest wait once the kernel took something', async () => {
    const { clock, retry, sent } = setUp();
    retry.take(datagram(), errno('EAGAIN'));
    await clock.advance(1);
    retry.reset();
    retry.take(datagram(), errno('EAGAIN'));
    await clock.advance(1);
    expect(sent.map(({ atMs }) => atMs)).toEqual([1, 2]);
  });

  it('sends in order, all at once', async () => {
    const { clock, retry, sent } = setUp();
    const items = [datagram(), datagram(), datagram()];
    for (const item of items) retry.take(item, errno('ENOBUFS'));
    await clock.advance(1);
    expect(sent.map(({ item }) => item)).toEqual(items);
    expect(retry.drain()).toEqual([]);
  });

  it('lets what comes later queue up behind those that wait, and only then', async () => {
    const { clock, retry, sent } = setUp();
    const [first, second, third] = [datagram(), datagram(), datagram()];
    expect(retry.joinLine(first)).toBe(false);
    retry.take(first, errno('ENOBUFS'));
    expect(retry.joinLine(second)).toBe(true);
    await clock.advance(1);
    expect(sent.map(({ item }) => item)).toEqual([first, second]);
    expect(retry.joinLine(third)).toBe(false);
  });

  it('is not put off by further refusals', async () => {
    const { clock, retry, sent } = setUp();
    for (let step = 0; step < 4; step++) {
      retry.take(datagram(), errno('ENOBUFS'));
      await clock.advance(0.5);
    }
    expect(sent.map(({ atMs }) => atMs).slice(0, 2)).toEqual([1, 1]);
  });

  it('gives up after a hundred refusals', async () => {
    const { clock, retry, sent } = setUp();
    const item = datagram();
    let tries = 0;
    while (retry.take(item, errno('ENOBUFS'))) {
      tries++;
      await clock.advance(10);
    }
    expect([tries, sent.length]).toEqual([100, 100]);
  });

  it('holds 1024 datagrams at the most', () => {
    const { retry } = setUp();
    for (let count = 0; count < 1024; count++) expect(retry.take(datagram(), errno('ENOBUFS'))).toBe(true);
    expect(retry.take(datagram(), errno('ENOBUFS'))).toBe(false);
  });

  it('gives out what waits, and sends it no more', async () => {
    const { clock, retry, sent } = setUp();
    const item = datagram();
    retry.take(item, errno('ENOBUFS'));
    expect(retry.drain()).toEqual([item]);
    await clock.advance(100);
    expect(sent).toEqual([]);
  });

  function setUp(onSend: (item: Retryable) => void = () => undefined) {
    const clock = new ManualClock();
    const sent: { item: Retryable; atMs: number }[] = [];
    const retry: SendRetry<Retryable> = new SendRetry(clock, (batch) => {
      for (const item of batch) {
        sent.push({ item, atMs: clock.now() });
        onSend(item);
      }
    });
    return { clock, retry, sent };
  }

  function datagram(): Retryable {
    return { data: new Uint8Array(1), peer: PEER, refusals: 0, done: () => undefined };
  }
});

describe('UdpEndpoint on a kernel without room', () => {
  it('keeps the datagram, sends it again, and debits it once', async () => {
    const { clock, probe, attempts } = await setUp([errno('ENOBUFS'), errno('EAGAIN'), undefined]);
    const sent = probe.endpoint.send(Buffer.alloc(400), PEER);
    expect(probe.endpoint.upload.stats().tokens).toBe(600);
    await clock.advance(10);
    await sent;
    expect(attempts).toEqual([0, 1, 3]);
    const { bytes, datagrams, drops } = probe.endpoint.upload.stats();
    expect([bytes, datagrams, drops]).toEqual([400, 1, {}]);
    // 10 ms at 1 byte a millisecond: 600 + 10, and not 400 or 800 less.
    expect(probe.endpoint.upload.stats().tokens).toBe(610);
  });

  it('tells in the end, and counts it', async () => {
    const { clock, probe, attempts } = await setUp(Array.from({ length: 200 }, () => errno('ENOBUFS')));
    const error = rejection(probe.endpoint.send(Buffer.alloc(4), PEER));
    await clock.advance(2000);
    expect(await error).toMatchObject({ code: 'UDP_SEND_FAILED', errno: 'ENOBUFS' });
    expect(await error).toBeInstanceOf(SendFailedError);
    expect(attempts).toHaveLength(101);
    expect(probe.endpoint.upload.stats().drops).toEqual({ 'send-failed': { datagrams: 1, bytes: 4 } });
  });

  it('is not drained while a datagram waits to be sent again', async () => {
    const { clock, probe } = await setUp([errno('ENOBUFS')]);
    let isDrained = false;
    void probe.endpoint.send(Buffer.alloc(4), PEER);
    void probe.endpoint.drained().then(() => (isDrained = true));
    await clock.advance(0.9);
    expect(isDrained).toBe(false);
    await clock.advance(0.1);
    expect(isDrained).toBe(true);
  });

  it('settles what waits when it closes', async () => {
    const { clock, probe } = await setUp([errno('ENOBUFS')]);
    const error = rejection(probe.endpoint.send(Buffer.alloc(4), PEER));
    await clock.advance(0.5);
    await probe.endpoint.close();
    expect(await error).toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
    expect(probe.endpoint.upload.stats().drops).toEqual({ closed: { datagrams: 1, bytes: 4 } });
    expect(clock.pendingTimers).toBe(0);
  });

  /** An endpoint at 1000 B/s, burst 1000, whose kernel answers with the given errors one after another. */
  async function setUp(answers: (Error | undefined)[]) {
    const clock = new ManualClock();
    const attempts: number[] = [];
    const send = (batch: readonly OutgoingDatagram[]): void => {
      for (const { done } of batch.map((item) => ({ done: item.done.bind(item) }))) {
        attempts.push(clock.now());
        const answer = answers.shift();
        queueMicrotask(() => done(answer));
      }
    };
    const environment: UdpEnvironment = {
      scheduler: clock,
      createSocket: () => ({
        driver: 'fake',
        bind: async (address, port) => ({ address, port, family: 'IPv4' }),
        connect: async () => undefined,
        send,
        bufferSizes: () => ({ recv: 1, send: 1 }),
        close: async () => undefined,
        unwrap: () => undefined,
      }),
    };
    const probe = new Probe(resolved({ upload: { rate: 1000, burst: 1000 } }), environment);
    await probe.endpoint.bind();
    return { clock, probe, attempts };
  }
});

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}
