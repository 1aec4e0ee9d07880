import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Answers, AskingOrder } from '../programs/asking-peer.js';
import type { Flood, FloodingOrder, Received } from '../programs/flooding-peer.js';

/** A peer as a process of its own: its event loop is not ours, so what it measures is what a peer would see. */
class PeerProcess<Order, Report> {
  readonly #child: ChildProcess;
  #port = 0;

  /** @param file a program in test/programs that first tells its port, then answers each order with one report */
  protected constructor(file: string) {
    this.#child = fork(`./test/programs/${file}`, {
      execArgv: ['--import', './test/support/ts-loader.mjs'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
  }

  get port(): number {
    return this.#port;
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.disconnect();
    await ended;
  }

  protected async ready(): Promise<this> {
    const { port } = await this.#hear<{ readonly port: number }>();
    this.#port = port;
    return this;
  }

  protected async order(order: Order): Promise<Report> {
    const report = this.#hear<Report>();
    this.#child.send(order as never);
    return report;
  }

  async #hear<M>(): Promise<M> {
    const ended = new AbortController();
    const onExit = (): void => ended.abort(new Error('the peer has ended'));
    this.#child.once('exit', onExit);
    try {
      const [message] = (await once(this.#child, 'message', { signal: ended.signal })) as [M];
      return message;
    } finally {
      this.#child.off('exit', onExit);
    }
  }
}

/** Counts what it receives; told to, asks for more than it can get. */
export class FloodingPeer extends PeerProcess<FloodingOrder, Received> {
  static open(): Promise<FloodingPeer> {
    return new FloodingPeer('flooding-peer.ts').ready();
  }

  flood(flood: Flood): Promise<Received> {
    return this.order({ flood });
  }

  calm(): Promise<Received> {
    return this.order('calm');
  }

  /** What has come since the start. */
  received(): Promise<Received> {
    return this.order('report');
  }
}

/** Asks at even intervals and measures the round trips. */
export class AskingPeer extends PeerProcess<AskingOrder, Answers> {
  static open(): Promise<AskingPeer> {
    return new AskingPeer('asking-peer.ts').ready();
  }

  ask(order: AskingOrder): Promise<Answers> {
    return this.order(order);
  }
}
