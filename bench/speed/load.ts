/**
 * The load, as a process of its own: asks one server after the other, so many requests under way at a time, and
 * counts answers and how long they took.
 */
import { BrokerWay } from './broker-way.js';
import type { BrokerName } from './brokers.js';
import { EVENT, READING } from './handler.js';
import { LoadSocket } from './load-socket.js';
import { ManyWay, PEERS } from './many-way.js';
import { beginRun } from './question-ids.js';
import { TcpWay } from './tcp-way.js';
import { UdpWay } from './udp-way.js';
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
 * How the packets stand on the wire: with stamps of the exchange, as Nest's plain JSON, either from one socket or from
 * many, as its TCP frames, or as Nest's client says them to a broker.
 */
export type Wire = 'stamped' | 'plain' | 'stamped by many' | 'plain by many' | 'tcp' | BrokerName;

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

const WAYS: Readonly<Record<Wire, (port: number) => Promise<Way>>> = {
  stamped: (port) => UdpWay.open(port, true),
  plain: (port) => UdpWay.open(port, false),
  'stamped by many': (port) => ManyWay.open(port, true),
  'plain by many': (port) => ManyWay.open(port, false),
  tcp: (port) => TcpWay.open(port),
  nats: (port) => BrokerWay.open(port, 'nats'),
  redis: (port) => BrokerWay.open(port, 'redis'),
};

/** Sends events at a pace, of one peer or of many in turns, and listens to nobody. */
async function sendEvents(order: LoadOrder): Promise<LoadResult> {
  const { port, wire, milliseconds, bytes = 100, perSecond = 10_000 } = order;
  const peers = wire === 'plain by many' ? PEERS : 1;
  const sockets = await Promise.all(Array.from({ length: peers }, () => LoadSocket.open(port)));
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
    for (let burst = 0; sent < due && burst < 64; burst++, sent++) sockets[sent % peers]!.send(datagram);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - startMs) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 100));
  await Promise.all(sockets.map((socket) => socket.close()));
  return { answered: 0, sent, seconds, p50Ms: NaN, p99Ms: NaN };
}

const RETRY_MS = 400;

process.on('message', (order: LoadOrder | 'stop') => {
  if (order === 'stop') process.exit(0);
  void (async () => {
    beginRun();
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
