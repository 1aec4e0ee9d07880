/**
 * The load, as a process of its own: asks one server after the other, so many requests under way at a time, and
 * counts answers and how long they took.
 */
import { connect, type Socket } from 'node:net';
import { BrokerWay } from './broker-way.js';
import type { BrokerName } from './brokers.js';
import { EVENT, PATTERN, READING } from './handler.js';
import { LoadSocket } from './load-socket.js';
import type { Way } from './way.js';

export interface LoadOrder {
  readonly kind: 'requests' | 'events';
  readonly wire: Wire;
  readonly port: number;
  readonly window: number;
  readonly milliseconds: number;
  /** Of events: bytes of each, and how many in a second. */
  readonly bytes?: number;
  readonly perSecond?: number;
}

/**
 * How the packets stand on the wire: with stamps of the exchange, as Nest's plain JSON, as its TCP frames, or as Nest's
 * client says them to a broker.
 */
export type Wire = 'stamped' | 'plain' | 'tcp' | BrokerName;

export interface LoadResult {
  readonly answered: number;
  readonly sent: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Requests under way to one server. */
class Asker {
  readonly #latenciesMs: number[] = [];
  readonly #sentMs: Float64Array;
  readonly #round: Uint32Array;
  #answered = 0;
  #sent = 0;
  #isOver = false;

  constructor(
    private readonly way: Way,
    private readonly window: number,
  ) {
    this.#sentMs = new Float64Array(window);
    this.#round = new Uint32Array(window);
  }

  async run(milliseconds: number): Promise<LoadResult> {
    this.way.onAnswer = (slot, round) => this.#onAnswer(slot, round);
    this.way.onRefusal = (slot) => {
      if (!this.#isOver && slot < this.window) this.#ask(slot);
    };
    const startMs = performance.now();
    for (let slot = 0; slot < this.window; slot++) this.#ask(slot);
    // What the kernel has dropped would keep its place for good.
    const again = setInterval(() => this.#askAgain(), RETRY_MS / 4);
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    clearInterval(again);
    this.#isOver = true;
    const seconds = (performance.now() - startMs) / 1000;
    this.#latenciesMs.sort((a, b) => a - b);
    const at = (share: number): number =>
      this.#latenciesMs[Math.floor(share * (this.#latenciesMs.length - 1))] ?? NaN;
    const sent = this.#sent + this.way.others;
    return { answered: this.#answered, sent, seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  #ask(slot: number): void {
    this.#sent++;
    this.#sentMs[slot] = performance.now();
    this.#round[slot] = (this.#round[slot]! + 1) >>> 0;
    this.way.ask(slot, this.#round[slot]);
  }

  #askAgain(): void {
    const lateMs = performance.now() - RETRY_MS;
    for (let slot = 0; slot < this.window; slot++) if (this.#sentMs[slot]! < lateMs) this.#ask(slot);
  }

  #onAnswer(slot: number, round: number): void {
    if (this.#isOver || slot >= this.window || this.#round[slot] !== round) return;
    this.#answered++;
    this.#latenciesMs.push(performance.now() - this.#sentMs[slot]!);
    this.#ask(slot);
  }
}

class UdpWay implements Way {
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

class TcpWay implements Way {
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

const WAYS: Readonly<Record<Wire, (port: number) => Promise<Way>>> = {
  stamped: (port) => UdpWay.open(port, true),
  plain: (port) => UdpWay.open(port, false),
  tcp: (port) => TcpWay.open(port),
  nats: (port) => BrokerWay.open(port, 'nats'),
  redis: (port) => BrokerWay.open(port, 'redis'),
};

/** Sends events at a pace, and listens to nobody. */
async function sendEvents(order: LoadOrder): Promise<LoadResult> {
  const { port, milliseconds, bytes = 100, perSecond = 10_000 } = order;
  const socket = await LoadSocket.open(port);
  const head = JSON.stringify({ pattern: EVENT, data: { ...READING, pad: '' } });
  const text = JSON.stringify({
    pattern: EVENT,
    data: { ...READING, pad: 'x'.repeat(Math.max(0, bytes - head.length)) },
  });
  const datagram = Buffer.from(text);
  const startMs = performance.now();
  let sent = 0;
  while (performance.now() - startMs < milliseconds) {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    for (let burst = 0; sent < due && burst < 64; burst++, sent++) socket.send(datagram);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - startMs) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 100));
  await socket.close();
  return { answered: 0, sent, seconds, p50Ms: NaN, p99Ms: NaN };
}

function answered(id: string, tell: (slot: number, round: number) => void): void {
  tell(parseInt(id.slice(0, 4), 16), parseInt(id.slice(8), 16));
}

function idOf(slot: number, round: number): string {
  return slot.toString(16).padStart(4, '0') + run + round.toString(16).padStart(8, '0');
}

function nextId(): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(Math.random() * 65_536)
      .toString(16)
      .padStart(4, '0'),
  ).join('');
}

let run = '0000';

const NO_ID = '0'.repeat(16);

const RETRY_MS = 400;

process.on('message', (order: LoadOrder | 'stop') => {
  if (order === 'stop') process.exit(0);
  void (async () => {
    run = nextId().slice(0, 4);
    if (order.kind === 'events') return process.send!(await sendEvents(order));
    const { wire, port, window, milliseconds } = order;
    const way = await WAYS[wire](port);
    const result = await new Asker(way, window).run(milliseconds);
    await way.close();
    process.send!(result);
  })();
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');
