import { PATTERN, READING } from './handler.js';
import { LoadSocket } from './load-socket.js';
import { answered, idOf, nextId, NO_ID } from './question-ids.js';
import type { Way } from './way.js';

/** Asks in datagrams from one socket. */
export class UdpWay implements Way {
  others = 0;
  onAnswer: (slot: number, round: number) => void = () => undefined;
  onRefusal: (slot: number) => void = () => undefined;
  readonly #request: Buffer;
  readonly #idAt: number;

  private constructor(
    private readonly socket: LoadSocket,
    isStamped: boolean,
  ) {
    const client = nextId();
    const stamp = `${client}01${'0'.repeat(8)}ffffffff${'0'.repeat(8)}`;
    const head = isStamped ? { v: 1, x: stamp } : {};
    const text = JSON.stringify({ ...head, pattern: PATTERN, data: READING, id: NO_ID });
    this.#request = Buffer.from(text);
    this.#idAt = text.indexOf(NO_ID);
    socket.onMessage = (data) => this.#onMessage(data, client);
  }

  static async open(port: number, isStamped: boolean): Promise<UdpWay> {
    return new UdpWay(await LoadSocket.open(port), isStamped);
  }

  ask(slot: number, round: number): void {
    const request = Buffer.from(this.#request);
    request.write(idOf(slot, round), this.#idAt, 'latin1');
    this.socket.send(request);
  }

  close(): Promise<void> {
    return this.socket.close();
  }

  #onMessage(data: Buffer, client: string): void {
    if (data[0] === 0xc1) {
      if (data[2] === 4) this.#prove(data, client);
      return;
    }
    const at = data.indexOf('"id":"', 0, 'latin1');
    if (at >= 0) answered(data.toString('latin1', at + 6, at + 22), this.onAnswer);
  }

  /** A client of this package does the same when a server asks for it. */
  #prove(challenge: Buffer, client: string): void {
    const proof = Buffer.alloc(40);
    challenge.copy(proof, 0, 0, 16);
    proof[2] = 0x4b;
    proof[3] = 0;
    proof.write(client, 16, 'hex');
    challenge.copy(proof, 24, 16, 32);
    this.others++;
    this.socket.send(proof);
    // Flag 1: not taken, to be sent again. The id begins with the slot.
    if ((challenge[3]! & 1) !== 0) this.onRefusal(challenge.readUInt16BE(4));
  }
}
