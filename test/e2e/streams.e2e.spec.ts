import { afterEach, describe, expect, it } from '@jest/globals';
import { Catch, Controller, Injectable, UseFilters, UseInterceptors } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor, RpcExceptionFilter } from '@nestjs/common';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import {
  concat,
  fromEvent,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  takeUntil,
  throwError,
  toArray,
} from 'rxjs';
import { AsyncIterableInterceptor, UdpContext } from '../../src/index.js';
import { startService, type TestService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

@Catch(RangeError)
class RangeFilter implements RpcExceptionFilter<RangeError> {
  catch(error: RangeError): Observable<never> {
    return throwError(() => ({ filtered: error.message }));
  }
}

@Injectable()
class TimesTen implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => (typeof value === 'number' ? 10 * value : value)));
  }
}

let pulled = 0;
let returned: () => void = () => undefined;
let hasReturned = false;
let seenSignal: AbortSignal | undefined;

async function* counting(context: UdpContext): AsyncGenerator<number> {
  seenSignal = context.getSignal();
  try {
    for (;;) {
      pulled++;
      yield pulled;
    }
  } finally {
    hasReturned = true;
    returned();
  }
}

@Controller()
class StreamController {
  @MessagePattern('plain') plain(@Ctx() context: UdpContext): AsyncGenerator<number> {
    return counting(context);
  }

  @MessagePattern('behind') @UseInterceptors(TimesTen) behind(
    @Ctx() context: UdpContext,
  ): AsyncGenerator<number> {
    return counting(context);
  }

  @MessagePattern('inside') @UseInterceptors(TimesTen, AsyncIterableInterceptor) inside(
    @Ctx() context: UdpContext,
  ): AsyncGenerator<number> {
    return counting(context);
  }

  @MessagePattern('filtered')
  @UseFilters(RangeFilter)
  @UseInterceptors(TimesTen, AsyncIterableInterceptor)
  async *filtered(): AsyncGenerator<number> {
    yield 1;
    throw new RangeError('midway');
  }

  @MessagePattern('failing') async *failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error('a secret');
  }

  @MessagePattern('gaps') async *gaps(): AsyncGenerator<unknown> {
    yield* [1, undefined, 3];
  }

  @MessagePattern('gaps-observed') gapsObserved(): Observable<unknown> {
    return of(1, undefined, 3);
  }

  @MessagePattern('stuck') async *stuck(): AsyncGenerator<number> {
    yield 1;
    await new Promise<never>(() => undefined);
  }

  @MessagePattern('silent') silent(): Observable<number> {
    return concat(of(1), NEVER);
  }

  @MessagePattern('obedient') obedient(@Ctx() context: UdpContext): Observable<number> {
    return concat(of(1), NEVER).pipe(takeUntil(fromEvent(context.getSignal(), 'abort')));
  }

  @MessagePattern('flood') flood(): Observable<string> {
    return new Observable((subscriber) => {
      for (let i = 0; !subscriber.closed; i++) subscriber.next(`value ${i} ${'x'.repeat(400)}`);
    });
  }

  @MessagePattern('hanging-return') hangingReturn(): AsyncIterable<number> {
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ value: 1, done: false }),
        return: () => new Promise<never>(() => undefined),
      }),
    };
  }
}

describe('streams under an upload limit', () => {
  let service: TestService;
  let peer: RawPeer;

  const start = async (options: Parameters<typeof startService>[1]): Promise<void> => {
    pulled = 0;
    hasReturned = false;
    service = await startService([StreamController], { drainTimeout: 50, ...options });
    peer = await RawPeer.open();
  };

  afterEach(async () => {
    await peer.close();
    await service.close();
  });

  it.each(['plain', 'behind', 'inside'])(
    'pulls a generator only as fast as replies leave: %s',
    async (pattern) => {
      await start({ upload: { rate: 1000, burst: 100 } });
      await peer.send(JSON.stringify({ pattern, data: 0, id: 's' }), service.port);
      const values = (await peer.take(4)).map((data) => JSON.parse(String(data)) as { response: number });
      expect(values.map(({ response }) => response)).toEqual(
        pattern === 'plain' ? [1, 2, 3, 4] : expect.anything(),
      );
      // One that waits in the queue, one that is being made: no more than that ahead of the peer.
      expect(pulled).toBeLessThanOrEqual(4 + 2 + peer.received.length);
      expect(service.transport.stats().upload.queuedDatagrams).toBeLessThanOrEqual(1);
    },
  );

  it('lets interceptors work on each value behind the AsyncIterableInterceptor', async () => {
    await start({ upload: { rate: 10_000, burst: 100 } });
    await peer.send(JSON.stringify({ pattern: 'inside', data: 0, id: 's' }), service.port);
    const values = (await peer.take(3)).map((data) => JSON.parse(String(data)) as { response: number });
    expect(values.map(({ response }) => response)).toEqual([10, 20, 30]);
  });

  it('gives errors of iteration to exception filters behind the AsyncIterableInterceptor', async () => {
    await start({});
    const seen: unknown[] = [];
    const error = await new Promise((resolve) => {
      service
        .client()
        .send('filtered', '')
        .subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    expect(seen).toEqual([10]);
    expect(error).toEqual({ filtered: 'midway' });
  });

  it('tells nobody what an error of iteration says', async () => {
    await start({});
    const seen: unknown[] = [];
    const error = await new Promise((resolve) => {
      service
        .client()
        .send('failing', '')
        .subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    expect(seen).toEqual([1]);
    expect(error).toEqual({ status: 'error', message: 'Internal server error' });
  });

  it('fails an Observable that runs over the queue, after the values that fitted', async () => {
    await start({ upload: { rate: 100_000, burst: 1000 }, streamBuffer: 5000 });
    const client = service.client();
    const seen: unknown[] = [];
    const error = await new Promise((resolve) => {
      client.send('flood', '').subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    expect(error).toMatchObject({ code: 'UDP_OVERFLOW' });
    expect(seen.length).toBeGreaterThan(5);
    expect(service.transport.stats().handlers.running).toBe(0);
  });

  it('aborts the signal and returns the generator when the drain time is over', async () => {
    await start({ upload: { rate: 1000, burst: 100 } });
    await peer.send(JSON.stringify({ pattern: 'plain', data: 0, id: 's' }), service.port);
    await peer.take(1);
    const done = new Promise<void>((resolve) => (returned = resolve));
    expect(seenSignal?.aborted).toBe(false);
    await service.transport.close();
    if (!hasReturned) await done;
    expect(seenSignal?.aborted).toBe(true);
    expect(service.transport.stats().handlers.running).toBe(0);
  });

  it.each(['gaps', 'gaps-observed'])('keeps the place of undefined among values: %s', async (pattern) => {
    await start({});
    const values = await lastValueFrom(service.client().send(pattern, '').pipe(toArray()));
    expect(values).toEqual([1, undefined, 3]);
  });

  it.each(['stuck', 'silent', 'obedient'])(
    'tells the client that a stream was cut, when the drain time is over: %s',
    async (pattern) => {
      await start({});
      const values: unknown[] = [];
      const firstValue = new Promise<void>((resolve) => {
        service
          .client()
          .send(pattern, '')
          .subscribe({
            next: (value) => {
              values.push(value);
              resolve();
            },
            error: (error) => values.push((error as { code: string }).code),
            complete: () => values.push('completed'),
          });
      });
      await firstValue;
      await service.transport.close();
      while (values.length < 2) await new Promise((resolve) => setImmediate(resolve));
      expect(values).toEqual([1, 'UDP_CLOSING']);
    },
  );

  it('closes all of it when the signal of the socket is aborted', async () => {
    const controller = new AbortController();
    await start({ upload: { rate: 10_000, burst: 100 }, socket: { signal: controller.signal } });
    const client = service.client();
    let tellFirst: (value: unknown) => void = () => undefined;
    const firstValue = new Promise((resolve) => (tellFirst = resolve));
    const failure = new Promise((resolve) => {
      client.send('plain', '').subscribe({ next: tellFirst, error: resolve });
    });
    const waiting = new Promise((resolve) => {
      const others = service.transport.createClient({ port: peer.port });
      others.send('any', '').subscribe({ error: resolve });
    });
    await peer.take(1);
    await firstValue;
    const closed = new Promise<void>((resolve) => service.transport.on('close', resolve));
    controller.abort();
    await closed;
    expect(await failure).toMatchObject({ code: 'UDP_CLOSING' });
    expect(await waiting).toMatchObject({ code: 'UDP_ENDPOINT_CLOSED' });
    expect(seenSignal?.aborted).toBe(true);
    expect(hasReturned).toBe(true);
    expect(service.transport.stats().handlers.running).toBe(0);
  });

  it('does not wait for a return() that hangs', async () => {
    await start({ upload: { rate: 1000, burst: 100 } });
    await peer.send(JSON.stringify({ pattern: 'hanging-return', data: 0, id: 's' }), service.port);
    await peer.take(1);
    await service.transport.close();
    expect(service.transport.stats().state).toBe('closed');
  });

  it('ends a stream that has gone silent with an error that tells how much came', async () => {
    await start({});
    const stream = service.client({ port: peer.port, streamTimeout: 30 }).send('any', '').pipe(toArray());
    const failure = lastValueFrom(stream);
    const [question] = await peer.take();
    const { id } = JSON.parse(String(question)) as { id: string };
    const asker = peer.senders.at(-1) as number;
    await peer.send(JSON.stringify({ id, response: 1 }), asker);
    await peer.send(JSON.stringify({ id, response: 2 }), asker);
    await expect(failure).rejects.toMatchObject({ code: 'UDP_REQUEST_TIMEOUT', values: 2, timeoutMs: 30 });
  });
});
