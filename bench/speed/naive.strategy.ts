import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';

/** A UDP strategy written as the documentation of Nest shows how to write one. */
export class NaiveUdpStrategy extends Server implements CustomTransportStrategy {
  protected readonly socket: Socket = createSocket('udp4');

  listen(callback: () => void): void {
    this.socket.on('message', (data, from) => void this.onMessage(data, from));
    this.socket.bind(0, '127.0.0.1', callback);
  }

  close(): void {
    this.socket.close();
  }

  on(): void {
    throw new Error('there are no events');
  }

  unwrap<T>(): T {
    return this.socket as T;
  }

  get port(): number {
    return this.socket.address().port;
  }

  protected async onMessage(data: Buffer, from: RemoteInfo): Promise<void> {
    const packet = JSON.parse(data.toString()) as { pattern: string; data: unknown; id?: string };
    const handler = this.getHandlerByPattern(packet.pattern);
    if (handler === null) return;
    const response$ = this.transformToObservable(await handler(packet.data, {}));
    this.send(response$, (response) => {
      const text = JSON.stringify({ id: packet.id, ...response });
      this.socket.send(text, from.port, from.address);
    });
  }
}
