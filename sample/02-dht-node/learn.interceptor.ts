import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { UdpContext } from 'nestjs-throttled-udp';
import type { Observable } from 'rxjs';
import { ID_BYTES } from './compact.js';
import { DhtService } from './dht.service.js';
import type { KrpcValues } from './krpc.codec.js';

/** Learns of the nodes that ask: who can ask can be asked. */
@Injectable()
export class LearnInterceptor implements NestInterceptor {
  constructor(private readonly dht: DhtService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rpc = context.switchToRpc();
    const { id, ro } = rpc.getData<KrpcValues>();
    const { address, port, family } = rpc.getContext<UdpContext>().getPeer();
    // BEP 43: a node that says `ro` only asks. BEP 5's compact addresses are IPv4.
    if (Buffer.isBuffer(id) && id.length === ID_BYTES && ro !== 1 && family === 'IPv4') {
      this.dht.table.add({ id, address, port });
    }
    return next.handle();
  }
}
