import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A peer without any of our code: what `nc -u` is to a service. */
export class RawPeer {
  readonly received: Buffer[] = [];
  /** Ports of those who sent, one for each datagram that ever came. */
  readonly senders: number[] = [];
  readonly #socket: Socket = createSocket('udp4');
  #waiting: (() => void)[] = [];

  static async open(port = 0): Promise<RawPeer> {
    const peer = new RawPeer();
    peer.#socket.on('message', (data, from) => {
      peer.received.push(data);
      peer.senders.push(from.port);
      for (const tell of peer.#waiting.splice(0)) tell();
    });
    peer.#socket.bind(port, '127.0.0.1');
    await once(peer.#socket, 'listening');
    return peer;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async send(data: string | Uint8Array, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(data, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Waits until so many datagrams have come, and gives them. */
  async take(count = 1): Promise<Buffer[]> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received.splice(0, count);
  }

  /** Sends a text and waits for one answer, as parsed JSON. */
  async ask(message: unknown, port: number): Promise<unknown> {
    await this.send(JSON.stringify(message), port);
    const [answer] = await this.take();
    return JSON.parse(String(answer));
  }

  /** Forgets what has come. */
  drain(): void {
    this.received.length = 0;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}
