import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { flatten, pullFrom } from './async-iterable.js';
import { UdpContext } from './udp.context.js';

/**
 * Turns an AsyncIterable that a handler returns into its values before other interceptors and exception
 * filters see it, so that those work on each value: bind it last (innermost), on a handler, a controller or
 * the application. Without it a stream is flattened as well, but interceptors see the generator as one value.
 *
 * Over UDP the values are still pulled only as fast as replies leave.
 */
@Injectable()
export class AsyncIterableInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rpcContext: unknown = context.switchToRpc().getContext();
    const whenSent = (): Promise<void> | undefined =>
      rpcContext instanceof UdpContext ? rpcContext.whenSent() : undefined;
    return flatten(next.handle(), (iterable) => pullFrom(iterable, whenSent));
  }
}
