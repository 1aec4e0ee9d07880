import { Logger } from '@nestjs/common';
import { ClientProxyFactory, Transport, type ClientProxy } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import type { BrokerName } from './brokers.js';
import { PATTERN, READING } from './handler.js';
import type { Way } from './way.js';

/**
 * Asks a service behind a broker, with Nest's own client: what it says to the broker beside the request, as
 * subscriptions to replies, is part of what the broker and the service have to do. It costs this process more than bare
 * packets do, so rates and latencies are those of both ends.
 */
export class BrokerWay implements Way {
  readonly others = 0;
  onAnswer: (slot: number, round: number) => void = () => undefined;
  readonly onRefusal = (): void => undefined;
  readonly #underWay = new Set<Promise<void>>();

  private constructor(private readonly client: ClientProxy) {}

  static async open(port: number, broker: BrokerName): Promise<BrokerWay> {
    // Nest's clients tell of each connection, in the midst of a table.
    Logger.overrideLogger(['error', 'warn']);
    const client =
      broker === 'nats'
        ? ClientProxyFactory.create({
            transport: Transport.NATS,
            options: { servers: `nats://127.0.0.1:${port}` },
          })
        : ClientProxyFactory.create({ transport: Transport.REDIS, options: { host: '127.0.0.1', port } });
    await client.connect();
    return new BrokerWay(client);
  }

  ask(slot: number, round: number): void {
    // As an application does: a request has ended before its answer is used. One that fails ends this process, as then
    // there is nothing to measure.
    const asked = firstValueFrom(this.client.send(PATTERN, READING)).then(() => {
      this.#underWay.delete(asked);
      this.onAnswer(slot, round);
    });
    this.#underWay.add(asked);
  }

  async close(): Promise<void> {
    // A client that is closed before it has its answers throws what nobody can catch.
    await Promise.all(this.#underWay);
    await this.client.close();
  }
}
