import { connect, type Socket } from 'node:net';
import { PATTERN, READING } from './handler.js';
import { answered, idOf } from './question-ids.js';
import type { Way } from './way.js';

/** Asks in the frames of Nest's TCP transport. */
export class TcpWay implements Way {
  readonly others = 0;
  onAnswer: (slot: number, round: number) => void = () => undefined;
  onRefusal: (slot: number) => void = () => undefined;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#onData(data));
  }

  static async open(port: number): Promise<TcpWay> {
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    return new TcpWay(socket);
  }

  ask(slot: number, round: number): void {
    const text = JSON.stringify({ pattern: PATTERN, data: READING, id: idOf(slot, round) });
    this.socket.write(`${text.length}#${text}`);
  }

  close(): void {
    this.socket.destroy();
  }

  #onData(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (;;) {
      const hash = this.#rest.indexOf(0x23);
      const end = hash + 1 + Number(this.#rest.toString('latin1', 0, Math.max(0, hash)));
      if (hash < 0 || this.#rest.length < end) return;
      const at = this.#rest.indexOf('"id":"', hash, 'latin1');
      answered(this.#rest.toString('latin1', at + 6, at + 22), this.onAnswer);
      this.#rest = this.#rest.subarray(end);
    }
  }
}
