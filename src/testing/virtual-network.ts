import { isIPv6 } from 'node:net';
import { PeerAddress } from '../common/peer-address.js';
import type { DatagramSocket, DatagramSocketEvents, OutgoingDatagram } from '../endpoint/datagram-socket.js';
import { EndpointClosedError } from '../endpoint/endpoint.errors.js';
import type { Scheduler } from '../endpoint/scheduler.js';
import type { SocketOptions } from '../endpoint/socket.options.js';
import type { UdpEnvironment } from '../endpoint/udp-environment.js';
import type { BoundAddress } from '../telemetry/stats.js';
import { SeededRandom } from './seeded-random.js';

/** What a {@link VirtualNetwork} does to datagrams. */
export interface NetworkConditions {
  /** Share of datagrams that vanish, 0 to 1. @default 0 */
  readonly loss?: number;
  /** Share of datagrams that arrive twice, 0 to 1. @default 0 */
  readonly duplicate?: number;
  /** Share of datagrams that are overtaken: they arrive 10 ms later than they would have. @default 0 */
  readonly reorder?: number;
  /** Milliseconds from one machine to another, or a range to pick from for each datagram. @default 0 */
  readonly delayMs?: number | readonly [min: number, max: number];
}

export interface VirtualNetworkOptions extends NetworkConditions {
  readonly clock: Scheduler;
  /** Makes a run repeatable: print `describe()` where a test fails. @default picked at random */
  readonly seed?: number;
}

/** A machine on a {@link VirtualNetwork}. */
export interface VirtualEnvironment extends UdpEnvironment {
  createSocket(options: SocketOptions, events: DatagramSocketEvents): DatagramSocket;
}

/** What happened on a {@link VirtualNetwork}. `sent + duplicated` equals the sum of the others and of what is on its way. */
export interface NetworkCounters {
  /** Datagrams handed to the network. */
  readonly sent: number;
  /** Datagrams handed to a socket. */
  readonly delivered: number;
  /** Datagrams that vanished. */
  readonly lost: number;
  /** Second copies. */
  readonly duplicated: number;
  /** Datagrams that came where no socket takes them. */
  readonly undeliverable: number;
}

/**
 * A network in memory: it loses, repeats, reorders and delays datagrams, by the clock of a test and from a seed,
 * so that each run can be repeated.
 *
 * ```ts
 * const clock = new ManualClock();
 * const network = new VirtualNetwork({ clock, loss: 0.2, delayMs: [5, 40] });
 * const server = network.environment('10.0.0.1');
 * const client = network.environment('10.0.0.2');
 * ```
 */
export class VirtualNetwork {
  readonly #clock: Scheduler;
  readonly #random: SeededRandom;
  readonly #sockets = new Map<string, VirtualSocket>();
  readonly #counters = { sent: 0, delivered: 0, lost: 0, duplicated: 0, undeliverable: 0 };
  #conditions: Required<NetworkConditions> = { loss: 0, duplicate: 0, reorder: 0, delayMs: 0 };

  constructor({ clock, seed, ...conditions }: VirtualNetworkOptions) {
    this.#clock = clock;
    this.#random = new SeededRandom(seed);
    this.change(conditions);
  }

  /**
   * A machine on this network, for `new UdpEndpoint(options, events, environment)`.
   *
   * A machine has one address: what binds to a wildcard or to the loopback address binds to it.
   *
   * @param address literal IP address
   */
  environment(address = '127.0.0.1'): VirtualEnvironment {
    const link: Link = {
      address,
      claim: (socket, port) => this.#claim(socket, address, port),
      release: (socket) => this.#release(socket),
      carry: (data, from, to) => this.#carry(data, from, to),
    };
    return {
      scheduler: this.#clock,
      createSocket: (options, events) => new VirtualSocket(link, options, events),
      random: () => this.#random.next(),
    };
  }

  /** Changes what happens from now on; fields that are missing stay. */
  change(conditions: NetworkConditions): void {
    for (const share of ['loss', 'duplicate', 'reorder'] as const) {
      const value = conditions[share] ?? 0;
      if (!(value >= 0 && value <= 1)) throw new RangeError(`${share} must be from 0 to 1, got ${value}`);
    }
    this.#conditions = { ...this.#conditions, ...conditions };
  }

  get seed(): number {
    return this.#random.seed;
  }

  get counters(): NetworkCounters {
    return { ...this.#counters };
  }

  /** The network in one line, with its seed: for names and messages of tests. */
  describe(): string {
    const { loss, duplicate, reorder, delayMs } = this.#conditions;
    const delay = typeof delayMs === 'number' ? `${delayMs}` : delayMs.join(' to ');
    return `loss ${loss}, duplicate ${duplicate}, reorder ${reorder}, delay ${delay} ms, seed ${this.seed}`;
  }

  #claim(socket: VirtualSocket, address: string, port: number): PeerAddress {
    const local = PeerAddress.of(address, port === 0 ? this.#freePort(address) : port);
    const holder = this.#sockets.get(local.key);
    if (holder !== undefined && !(holder.reuseAddr && socket.reuseAddr)) {
      throw systemError('bind', 'EADDRINUSE', local.key);
    }
    this.#sockets.set(local.key, socket);
    return local;
  }

  #freePort(address: string): number {
    for (let port = FIRST_EPHEMERAL_PORT; port <= LAST_PORT; port++) {
      if (!this.#sockets.has(PeerAddress.of(address, port).key)) return port;
    }
    throw systemError('bind', 'EADDRINUSE', `${address}:0`);
  }

  #release(socket: VirtualSocket): void {
    const key = socket.local?.key;
    if (key !== undefined && this.#sockets.get(key) === socket) this.#sockets.delete(key);
  }

  #carry(data: Uint8Array, from: VirtualSocket, to: PeerAddress): void {
    this.#counters.sent++;
    if (this.#random.chance(this.#conditions.loss)) {
      this.#counters.lost++;
      return;
    }
    this.#travel(data, from, to);
    if (this.#random.chance(this.#conditions.duplicate)) {
      this.#counters.duplicated++;
      this.#travel(data, from, to);
    }
  }

  #travel(data: Uint8Array, from: VirtualSocket, to: PeerAddress): void {
    // The sender may use its bytes again as soon as it is told that they are gone.
    const copy = Buffer.from(data);
    const delayMs = this.#delay();
    const arrive = (): void => this.#arrive(copy, from, to);
    if (delayMs > 0) this.#clock.after(delayMs, arrive);
    else this.#clock.soon(arrive);
  }

  #delay(): number {
    const { delayMs, reorder } = this.#conditions;
    const [min, max] = typeof delayMs === 'number' ? [delayMs, delayMs] : delayMs;
    const late = this.#random.chance(reorder) ? OVERTAKEN_MS : 0;
    return min + this.#random.next() * (max - min) + late;
  }

  #arrive(data: Buffer, from: VirtualSocket, to: PeerAddress): void {
    const source = from.local as PeerAddress;
    const receiver = this.#sockets.get(to.key);
    if (receiver?.accepts(source) === true) {
      this.#counters.delivered++;
      receiver.receive(data, source);
      return;
    }
    this.#counters.undeliverable++;
    // What a connected socket hears by ICMP when nobody has the port.
    if (receiver === undefined) from.refuse(to);
  }
}

/** What a socket knows of the network: its machine. */
interface Link {
  readonly address: string;
  claim(socket: VirtualSocket, port: number): PeerAddress;
  release(socket: VirtualSocket): void;
  carry(data: Uint8Array, from: VirtualSocket, to: PeerAddress): void;
}

class VirtualSocket implements DatagramSocket {
  readonly driver = 'virtual';
  /** Where it is bound. */
  local: PeerAddress | undefined;
  #remote: PeerAddress | undefined;
  #isClosed = false;

  constructor(
    private readonly link: Link,
    private readonly options: SocketOptions,
    private readonly events: DatagramSocketEvents,
  ) {}

  async bind(address: string, port: number): Promise<BoundAddress> {
    const { address: own } = this.link;
    if (isIPv6(address) !== (this.options.type === 'udp6')) throw systemError('bind', 'EINVAL', address);
    if (address !== own && !OWN_NAMES.has(address)) throw systemError('bind', 'EADDRNOTAVAIL', address);
    this.local = this.link.claim(this, port);
    return Object.freeze({ address: own, port: this.local.port, family: this.local.family });
  }

  async connect(peer: PeerAddress): Promise<void> {
    const wrong = this.#problemWith(peer);
    if (wrong !== undefined) throw systemError('connect', wrong, peer.key);
    this.#remote = this.#reach(peer);
  }

  send(batch: readonly OutgoingDatagram[]): void {
    for (const datagram of batch) this.#sendOne(datagram);
  }

  bufferSizes(): { recv: number; send: number } {
    const { recvBufferSize = KERNEL_BUFFER_BYTES, sendBufferSize = KERNEL_BUFFER_BYTES } = this.options;
    return { recv: recvBufferSize, send: sendBufferSize };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.link.release(this);
  }

  unwrap(): this {
    return this;
  }

  get reuseAddr(): boolean {
    return this.options.reuseAddr;
  }

  /** Whether datagrams of this peer come through. */
  accepts(peer: PeerAddress): boolean {
    return this.#remote === undefined || this.#remote.equals(peer);
  }

  receive(data: Buffer, peer: PeerAddress): void {
    if (!this.#isClosed) this.events.onDatagrams([{ data, peer }]);
  }

  /** Nobody has the port that a datagram was for; sockets that are not connected are not told. */
  refuse(peer: PeerAddress): void {
    if (this.#isClosed || this.#remote === undefined) return;
    this.events.onError(systemError('recvmsg', 'ECONNREFUSED', peer.key));
  }

  #sendOne(datagram: OutgoingDatagram): void {
    const error = this.#hand(datagram);
    queueMicrotask(() => datagram.done(error));
  }

  #hand({ data, peer }: OutgoingDatagram): Error | undefined {
    if (this.#isClosed) return new EndpointClosedError();
    const wrong = data.length > MAX_PAYLOAD_BYTES ? 'EMSGSIZE' : this.#problemWith(peer);
    if (wrong !== undefined) return systemError('send', wrong, peer.key);
    this.local ??= this.link.claim(this, 0);
    this.link.carry(data, this, this.#remote ?? this.#reach(peer));
    return undefined;
  }

  #problemWith(peer: PeerAddress): string | undefined {
    if (peer.port < 1 || peer.port > LAST_PORT) return 'ERR_SOCKET_BAD_PORT';
    return (peer.family === 'IPv6') === (this.options.type === 'udp6') ? undefined : 'EINVAL';
  }

  /** Where a peer is: a wildcard or loopback address is this very machine. */
  #reach(peer: PeerAddress): PeerAddress {
    return OWN_NAMES.has(peer.address) ? PeerAddress.of(this.link.address, peer.port) : peer;
  }
}

function systemError(syscall: string, code: string, where: string): Error {
  return Object.assign(new Error(`${syscall} ${code} ${where}`), { code, syscall });
}

const OWN_NAMES: ReadonlySet<string> = new Set(['0.0.0.0', '127.0.0.1', '::', '::1']);

// RFC 6335 section 6: dynamic ports.
const FIRST_EPHEMERAL_PORT = 49_152;

const LAST_PORT = 65_535;

const OVERTAKEN_MS = 10;

// What Linux gives a socket that asks for nothing (net.core.rmem_default).
const KERNEL_BUFFER_BYTES = 212_992;

const MAX_PAYLOAD_BYTES = 65_507;
