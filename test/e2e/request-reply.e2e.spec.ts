import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Catch,
  Controller,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import type {
  ArgumentsHost,
  CallHandler,
  CanActivate,
  ExecutionContext,
  NestInterceptor,
  PipeTransform,
  RpcExceptionFilter,
} from '@nestjs/common';
import {
  CONTEXT,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  type RequestContext,
} from '@nestjs/microservices';
import {
  concat,
  EMPTY,
  firstValueFrom,
  from,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { Peer, PeerAddress, UdpContext, UdpRecordBuilder, type ThrottledUdpClient } from '../../src/index.js';
import { startService, type TestService } from '../support/apps.js';
import { RawPeer } from '../support/raw-peer.js';

@Injectable()
class DoublePipe implements PipeTransform<number, number> {
  transform(value: number): number {
    return 2 * value;
  }
}

@Injectable()
class AdminGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getData<{ admin?: boolean }>().admin === true;
  }
}

@Injectable()
class WrapInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => ({ wrapped: value })));
  }
}

@Catch(RangeError)
class RangeFilter implements RpcExceptionFilter<RangeError> {
  catch(error: RangeError, _host: ArgumentsHost): Observable<never> {
    return throwError(() => ({ filtered: error.message }));
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  constructor(@Inject(CONTEXT) readonly request: RequestContext<unknown, UdpContext>) {}
}

const events: unknown[] = [];
let told: () => void = () => undefined;

function record(event: unknown): void {
  events.push(event);
  told();
}

async function eventsOf(count: number): Promise<unknown[]> {
  while (events.length < count) await new Promise<void>((resolve) => (told = resolve));
  return events.splice(0);
}

@Controller()
class MathController {
  @MessagePattern('sum') sum(@Payload() data: number[]): number {
    return data.reduce((a, b) => a + b, 0);
  }

  @MessagePattern('later') async later(@Payload() data: unknown): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    return data;
  }

  @MessagePattern({ cmd: 'diff', v: 1 }) diff(@Payload() [a, b]: [number, number]): number {
    return a - b;
  }

  @MessagePattern(7) seven(): string {
    return 'seven';
  }

  @MessagePattern('nothing') nothing(): void {}

  @MessagePattern('range') range(@Payload() n: number): Observable<number> {
    return from(Array.from({ length: n }, (_, i) => i));
  }

  @MessagePattern('slow-range') slowRange(): Observable<number> {
    return concat(of(1), timer(5).pipe(map(() => 2)), timer(5).pipe(map(() => 3)));
  }

  @MessagePattern('empty') empty(): Observable<never> {
    return EMPTY;
  }

  @MessagePattern('never') never(): Observable<never> {
    return NEVER;
  }

  @MessagePattern('generator') async *generator(@Payload() n: number): AsyncGenerator<number> {
    for (let i = 0; i < n; i++) yield i;
  }

  @MessagePattern('throws') throws(): never {
    throw new Error('a secret');
  }

  @MessagePattern('rejects') async rejects(): Promise<never> {
    throw new RpcException({ code: 42, message: 'told' });
  }

  @MessagePattern('rpc-text') rpcText(): never {
    throw new RpcException('in words');
  }

  @MessagePattern('stream-fails') streamFails(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new RpcException('midway')),
    );
  }

  @MessagePattern('generator-fails') async *generatorFails(): AsyncGenerator<number> {
    yield 1;
    throw new RpcException('midway too');
  }

  @MessagePattern('circular') circular(): unknown {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    return loop;
  }

  @MessagePattern('large') large(@Payload() bytes: number): string {
    return 'x'.repeat(bytes);
  }

  @MessagePattern('pipe') @UsePipes(DoublePipe) piped(@Payload() n: number): number {
    return n;
  }

  @MessagePattern('guard') @UseGuards(AdminGuard) guarded(): string {
    return 'let in';
  }

  @MessagePattern('intercept') @UseInterceptors(WrapInterceptor) intercepted(): string {
    return 'inner';
  }

  @MessagePattern('filter') @UseFilters(RangeFilter) filtered(): never {
    throw new RangeError('out of range');
  }

  @MessagePattern('context') context(@Ctx() context: UdpContext, @Peer() peer: PeerAddress): unknown {
    return {
      same: context.getPeer() === peer,
      address: peer.address,
      port: peer.port,
      family: peer.family,
      pattern: context.getPattern(),
      metadata: context.getMetadata(),
      bytes: JSON.parse(context.getDatagram().toString()),
      age: Math.abs(Date.now() - context.getReceivedAt()) < 60_000,
      aborted: context.getSignal().aborted,
    };
  }

  @EventPattern<string>('reading') storeFirst(@Payload() data: unknown): void {
    record({ first: data });
  }

  @EventPattern<string>('reading') storeSecond(@Payload() data: unknown): Observable<never> {
    record({ second: data });
    return EMPTY;
  }

  @EventPattern<string>('lazy') lazy(@Payload() data: unknown): Observable<unknown> {
    return new Observable((subscriber) => {
      record({ lazy: data });
      subscriber.complete();
    });
  }

  @EventPattern<string>('generated') async *generated(@Payload() data: number): AsyncGenerator<number> {
    for (let i = 0; i < data; i++) {
      record(i);
      yield i;
    }
  }

  @EventPattern<string>('bad-event') badEvent(): never {
    record('bad');
    throw new RpcException('nobody hears');
  }
}

@Controller({ scope: Scope.REQUEST })
class ScopedController {
  constructor(private readonly scoped: RequestScoped) {}

  @MessagePattern('scoped') scopedHandler(): unknown {
    return { pattern: this.scoped.request.pattern, port: this.scoped.request.context?.getPeer().port };
  }
}

describe('requests and replies over loopback', () => {
  let service: TestService;
  let client: ThrottledUdpClient;
  let peer: RawPeer;

  const ask = <T>(pattern: unknown, data: unknown): Promise<T> =>
    firstValueFrom(client.send<T>(pattern, data));
  const askAll = <T>(pattern: unknown, data: unknown): Promise<T[]> =>
    lastValueFrom(client.send<T>(pattern, data).pipe(toArray()));

  beforeAll(async () => {
    // One handler never ends: closing must not wait for it long.
    service = await startService([MathController, ScopedController], { drainTimeout: 50 }, [RequestScoped]);
    client = service.client();
    peer = await RawPeer.open();
  });

  afterAll(async () => {
    await peer.close();
    await service.close();
  });

  it.each([
    ['a value', 'sum', [1, 2, 3], [6]],
    ['a Promise', 'later', { a: 1 }, [{ a: 1 }]],
    ['an object pattern, keys in another order', { v: 1, cmd: 'diff' }, [5, 3], [2]],
    ['an object pattern as text', '{"cmd":"diff","v":1}', [5, 3], [2]],
    ['a number pattern', 7, '', ['seven']],
    ['nothing', 'nothing', '', []],
    ['an Observable', 'range', 5, [0, 1, 2, 3, 4]],
    ['an Observable that takes its time', 'slow-range', '', [1, 2, 3]],
    ['an empty Observable', 'empty', '', []],
    ['an AsyncIterable', 'generator', 4, [0, 1, 2, 3]],
    ['an empty AsyncIterable', 'generator', 0, []],
    ['a pipe', 'pipe', 21, [42]],
    ['an interceptor', 'intercept', '', [{ wrapped: 'inner' }]],
    ['a guard that lets in', 'guard', { admin: true }, ['let in']],
  ])('answers with %s', async (_what, pattern, data, values) => {
    expect(await askAll(pattern, data)).toEqual(values);
  });

  it.each([
    ['an error', 'throws', { status: 'error', message: 'Internal server error' }],
    ['an RpcException with an object', 'rejects', { code: 42, message: 'told' }],
    ['an RpcException with a text', 'rpc-text', { status: 'error', message: 'in words' }],
    ['a custom filter', 'filter', { filtered: 'out of range' }],
    ['a guard that refuses', 'guard', { status: 'error', message: 'Forbidden resource' }],
  ])('gives the client what %s says', async (_what, pattern, error) => {
    await expect(ask(pattern, {})).rejects.toEqual(error);
  });

  it.each(['stream-fails', 'generator-fails'])('keeps the values before an error of %s', async (pattern) => {
    const seen: unknown[] = [];
    const failure = await new Promise((resolve) => {
      client.send(pattern, '').subscribe({ next: (value) => seen.push(value), error: resolve });
    });
    expect(seen).toEqual([1]);
    expect(failure).toMatchObject({ status: 'error', message: expect.stringContaining('midway') });
  });

  it('answers a value and the end of a request in one datagram', async () => {
    const answer = await peer.ask({ pattern: 'sum', data: [1, 2, 3], id: 'k3' }, service.port);
    expect(answer).toEqual({ id: 'k3', response: 6, isDisposed: true });
    const single = await peer.ask({ pattern: 'range', data: 1, id: 4 }, service.port);
    expect(single).toEqual({ id: 4, response: 0, isDisposed: true });
    expect(peer.received).toHaveLength(0);
  });

  it('answers an unknown pattern at once, with a code', async () => {
    await expect(ask('nobody', '')).rejects.toMatchObject({ code: 'UDP_NO_HANDLER', wireCode: 'no-handler' });
    const answer = await peer.ask({ pattern: 'nobody', data: 0, id: 'x' }, service.port);
    expect(answer).toEqual({
      id: 'x',
      err: 'There is no matching message handler defined in the remote service.',
      status: 'error',
      code: 'no-handler',
      isDisposed: true,
    });
  });

  it('tells the client of a reply that cannot be said, or is too large', async () => {
    await expect(ask('circular', '')).rejects.toMatchObject({ code: 'UDP_FAILED' });
    await expect(ask('large', 2 ** 20)).rejects.toMatchObject({ code: 'UDP_TOO_LARGE' });
    expect(await ask<string>('large', 70_000)).toHaveLength(70_000);
  });

  it('shows a handler its peer, pattern, metadata and bytes', async () => {
    const data = new UdpRecordBuilder('payload').setMetadata({ trace: 't1' }).build();
    const seen = await ask<Record<string, unknown>>('context', data);
    expect(seen).toMatchObject({
      same: true,
      address: '127.0.0.1',
      family: 'IPv4',
      port: client.stats().address?.port,
      pattern: 'context',
      metadata: { trace: 't1' },
      bytes: { pattern: 'context', data: 'payload', metadata: { trace: 't1' } },
      age: true,
      aborted: false,
    });
  });

  it('serves request-scoped controllers', async () => {
    expect(await ask('scoped', '')).toEqual({ pattern: 'scoped', port: client.stats().address?.port });
  });

  it('gives an event to every handler of its pattern', async () => {
    await lastValueFrom(client.emit('reading', { c: 21 }));
    expect(await eventsOf(2)).toEqual([{ first: { c: 21 } }, { second: { c: 21 } }]);
  });

  it('runs event handlers that return an Observable or a generator to the end', async () => {
    client.emit('lazy', 1);
    expect(await eventsOf(1)).toEqual([{ lazy: 1 }]);
    client.emit('generated', 3);
    expect(await eventsOf(3)).toEqual([0, 1, 2]);
  });

  it('survives an event handler that fails, and answers nothing', async () => {
    await peer.send(JSON.stringify({ pattern: 'bad-event', data: 1 }), service.port);
    await eventsOf(1);
    expect(await peer.ask({ pattern: 'sum', data: [1], id: 'after' }, service.port)).toMatchObject({
      id: 'after',
    });
  });

  it('fails a request that nobody answers in time, with a code', async () => {
    const record = new UdpRecordBuilder('').setTimeout(20).build();
    await expect(ask('never', record)).rejects.toMatchObject({
      code: 'UDP_REQUEST_TIMEOUT',
      timeoutMs: 20,
      values: 0,
    });
  });

  it('asks another peer when the record says so', async () => {
    const other = await startService([MathController]);
    const record = new UdpRecordBuilder([2, 2]).setPeer({ host: 'localhost', port: other.port }).build();
    expect(await ask('sum', record)).toBe(4);
    expect(other.transport.stats().packets.requests).toBe(1);
    await other.close();
  });

  it('believes no reply from another address', async () => {
    const silent = await RawPeer.open();
    const record = new UdpRecordBuilder([1])
      .setPeer({ host: '127.0.0.1', port: silent.port })
      .setTimeout(200)
      .build();
    const answer = ask('sum', record);
    const [question] = await silent.take();
    const { id } = JSON.parse(String(question)) as { id: string };
    const forged = JSON.stringify({ id, response: 'forged', isDisposed: true });
    const { port } = client.stats().address ?? { port: 0 };
    await peer.send(forged, port);
    await silent.send(JSON.stringify({ id: 'another', response: 'forged', isDisposed: true }), port);
    await silent.send(JSON.stringify({ id, response: 'true', isDisposed: true }), port);
    expect(await answer).toBe('true');
    expect(client.stats().packets).toMatchObject({ foreignReplies: 1 });
    expect(client.stats().packets.unknownReplies).toBeGreaterThanOrEqual(1);
    await silent.close();
  });

  it('refuses patterns and payloads that cannot be sent', async () => {
    await expect(ask(Symbol('s'), 1)).rejects.toMatchObject({ code: 'UDP_INVALID_OPTION' });
    await expect(ask(undefined, 1)).rejects.toThrow();
    await expect(lastValueFrom(client.emit('large', 'x'.repeat(70_000)))).rejects.toMatchObject({
      code: 'UDP_MESSAGE_TOO_LARGE',
    });
    expect(client.stats().failedEvents).toBe(1);
  });
});
