import type { RemoteInfo } from 'node:dgram';
import { NaiveUdpStrategy } from './naive.strategy.js';

/** The least that a strategy can do for Nest's handlers: nothing is checked, limited, counted or remembered. */
export class LeastUdpStrategy extends NaiveUdpStrategy {
  protected override async onMessage(data: Buffer, { address, port }: RemoteInfo): Promise<void> {
    const packet = JSON.parse(data.toString()) as { pattern: string; data: unknown; id?: string };
    const response: unknown = await this.messageHandlers.get(packet.pattern)?.(packet.data, {});
    this.socket.send(JSON.stringify({ id: packet.id, response, isDisposed: true }), port, address);
  }
}
