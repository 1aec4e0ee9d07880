import { UdpWay } from './udp-way.js';
import type { Way } from './way.js';

/** Asks from many sockets in turn, as the peers of a service do: its answers cannot leave in one piece then. */
export class ManyWay implements Way {
  private constructor(private readonly ways: readonly UdpWay[]) {}

  static async open(port: number, isStamped: boolean): Promise<ManyWay> {
    return new ManyWay(await Promise.all(Array.from({ length: PEERS }, () => UdpWay.open(port, isStamped))));
  }

  get others(): number {
    return this.ways.reduce((sum, way) => sum + way.others, 0);
  }

  set onAnswer(tell: Way['onAnswer']) {
    for (const way of this.ways) way.onAnswer = tell;
  }

  set onRefusal(tell: Way['onRefusal']) {
    for (const way of this.ways) way.onRefusal = tell;
  }

  ask(slot: number, round: number): void {
    this.ways[slot % this.ways.length]!.ask(slot, round);
  }

  async close(): Promise<void> {
    await Promise.all(this.ways.map((way) => way.close()));
  }
}

/** How many. */
export const PEERS = 64;
