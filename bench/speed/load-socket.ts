import { PeerAddress } from '../../src/common/peer-address.js';
import type { DatagramSocket } from '../../src/endpoint/datagram-socket.js';
import { openSocket } from '../../src/endpoint/driver.js';
import { resolveSocketOptions } from '../../src/endpoint/socket.options.js';

/**
 * What the load asks over: a socket of the fastest driver there is, for it must be able to ask for more than any
 * server can answer.
 */
export class LoadSocket {
  onMessage: (data: Buffer) => void = () => undefined;
  #socket: DatagramSocket | undefined;

  private constructor(private readonly server: PeerAddress) {}

  static async open(port: number): Promise<LoadSocket> {
    const opened = new LoadSocket(PeerAddress.of('127.0.0.1', port));
    const options = resolveSocketOptions({}, '127.0.0.1', BUFFER_BYTES, BUFFER_BYTES);
    const socket = await openSocket(options, {
      onDatagrams: (batch) => {
        for (const { data } of batch) opened.onMessage(data);
      },
      onError: () => undefined,
    });
    await socket.bind('127.0.0.1', 0);
    await socket.connect(opened.server);
    opened.#socket = socket;
    return opened;
  }

  send(data: Buffer): void {
    this.#socket!.send([{ data, peer: this.server, done: ignore }]);
  }

  async close(): Promise<void> {
    await this.#socket!.close();
  }
}

function ignore(): void {}

const BUFFER_BYTES = 4 * 2 ** 20;
