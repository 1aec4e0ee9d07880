import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { PeerAddress } from '../common/peer-address.js';
import { PlacedSet, type Placed } from '../common/placed-set.js';
import type { BoundAddress } from '../telemetry/stats.js';
import type {
  DatagramSocket,
  DatagramSocketEvents,
  OutgoingDatagram,
  ReceivedDatagram,
} from './datagram-socket.js';
import { EndpointClosedError } from './endpoint.errors.js';
import { PeerCache } from './peer-cache.js';
import { PortionFeed } from './portion-feed.js';
import { isSharedInCluster } from './shared-socket.js';
import type { SocketOptions } from './socket.options.js';
import { tell } from './tell.js';

/**
 * {@link DatagramSocket} on `node:dgram`: one system call a datagram.
 *
 * Where one turn of the event loop brings many datagrams, 32 at the most, they are handed on when all of them are here,
 * and what answers them leaves together when they have come to rest. Were each answered before Node reads the next,
 * code of the kernel, of Node and ours would take turns in the processor's cache: a fifth of what a request costs where
 * 32 are under way. One that is alone does not wait for others.
 */
export class NodeDatagramSocket implements DatagramSocket {
  readonly driver = 'node';
  readonly #socket: Socket;
  /** What was handed to Node and not reported back: Node forgets it when the socket closes first. */
  readonly #inFlight = new PlacedSet<Flight>();
  readonly #peers = new PeerCache();
  readonly #feed: PortionFeed;
  /** What waits for all of its turn of the event loop to be here. */
  #arrived: ReceivedDatagram[] = [];
  /** How many datagrams this turn has brought, and whether the one before had several. */
  #inTurn = 0;
  #isBusy = false;
  /** What leaves when the batch in hand has come to rest. */
  #waiting: OutgoingDatagram[] = [];
  #connected = false;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly options: SocketOptions,
    private readonly events: DatagramSocketEvents,
    /** Why it is not another one. */
    readonly driverReason = 'it was asked for',
  ) {
    this.#feed = new PortionFeed(events, () => this.#endBatch());
    const { type, reuseAddr, reusePort, ipv6Only, recvBufferSize, sendBufferSize } = options;
    this.#socket = createSocket({
      type,
      reuseAddr,
      ipv6Only,
      // Node resolves every destination, literal addresses too, with a look-up of its own: skip it.
      lookup: answerLiteral,
      ...(reusePort ? { reusePort } : {}),
      ...(recvBufferSize === undefined ? {} : { recvBufferSize }),
      ...(sendBufferSize === undefined ? {} : { sendBufferSize }),
    });
    this.#socket.on('message', (data, from) => this.#receive(data, from));
    // Without a listener an error would end the process.
    this.#socket.on('error', (error) => this.events.onError(error));
  }

  async bind(address: string, port: number): Promise<BoundAddress> {
    const exclusive = !isSharedInCluster(port, this.options);
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ address, port, exclusive }, () => {
        this.#socket.off('error', reject);
        resolve();
      });
    });
    this.#applyOptions();
    return this.#boundAddress();
  }

  async connect(peer: PeerAddress): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.connect(peer.port, this.#hostOf(peer), (error?: Error) =>
        error ? reject(error) : resolve(),
      );
    });
    this.#connected = true;
  }

  send(batch: readonly OutgoingDatagram[]): void {
    const isTogether = this.#feed.inHand > 1;
    for (const datagram of batch) {
      if (isTogether) this.#waiting.push(datagram);
      else this.#sendOne(datagram);
    }
  }

  bufferSizes(): { recv: number; send: number } {
    return { recv: this.#socket.getRecvBufferSize(), send: this.#socket.getSendBufferSize() };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  unwrap(): Socket {
    return this.#socket;
  }

  #receive(data: Buffer, { address, port }: RemoteInfo): void {
    if (this.#closing !== undefined) return;
    const received: ReceivedDatagram = { data, peer: this.#peers.peerOf(address, port) };
    const isFirst = this.#inTurn++ === 0;
    // Right behind what Node reads in one go.
    if (isFirst) setImmediate(this.#takeTurn);
    // Where the last one was alone, so is this one as a rule: to wait for others is a twelfth of the time to its answer.
    const isAlone = isFirst && !this.#isBusy && this.#feed.inHand === 0 && this.#arrived.length === 0;
    if (isAlone) this.events.onDatagrams([received]);
    else this.#arrived.push(received);
  }

  readonly #takeTurn = (): void => {
    this.#isBusy = this.#inTurn > 1;
    this.#inTurn = 0;
    // After an error that nobody has caught, what came before may still be in hand: Node goes on with it later.
    if (this.#arrived.length === 0 || this.#closing !== undefined || this.#feed.inHand > 0) return;
    const batch = this.#arrived;
    this.#arrived = [];
    this.#feed.begin(batch);
  };

  #endBatch(): void {
    this.#flush();
    if (this.#arrived.length > 0) setImmediate(this.#takeTurn);
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const datagram of waiting) this.#sendOne(datagram);
  }

  #sendOne(datagram: OutgoingDatagram): void {
    if (this.#closing !== undefined) return tell(datagram, new EndpointClosedError());
    const flight = new Flight(datagram);
    this.#inFlight.add(flight);
    const settle = (error: Error | null): void => this.#settle(flight, error ?? undefined);
    const { data, peer } = datagram;
    try {
      if (this.#connected) this.#socket.send(data, settle);
      else this.#socket.send(data, peer.port, this.#hostOf(peer), settle);
    } catch (error) {
      this.#settle(flight, error as Error);
    }
  }

  #settle(flight: Flight, error: Error | undefined): void {
    if (!this.#inFlight.delete(flight)) return;
    tell(flight.datagram, error);
    if (this.#inFlight.size === 0) this.#onIdle?.();
  }

  /** An IPv4 peer of a dual-stack socket is written as that socket knows it. */
  #hostOf(peer: PeerAddress): string {
    const isMapped = this.options.type === 'udp6' && peer.family === 'IPv4';
    return isMapped ? `::ffff:${peer.address}` : peer.address;
  }

  #applyOptions(): void {
    const { broadcast, ttl, multicast } = this.options;
    if (broadcast) this.#socket.setBroadcast(true);
    if (ttl !== undefined) this.#socket.setTTL(ttl);
    if (multicast.interface !== undefined) this.#socket.setMulticastInterface(multicast.interface);
    if (multicast.ttl !== undefined) this.#socket.setMulticastTTL(multicast.ttl);
    if (multicast.loopback !== undefined) this.#socket.setMulticastLoopback(multicast.loopback);
    for (const entry of multicast.groups ?? []) {
      if (typeof entry === 'string') this.#socket.addMembership(entry);
      else this.#socket.addMembership(entry.group, entry.interface);
    }
  }

  #boundAddress(): BoundAddress {
    const { address, port, family } = this.#socket.address();
    return Object.freeze({ address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' });
  }

  async #close(): Promise<void> {
    this.#feed.stop();
    this.#flush();
    // Node drops what it still holds when a socket closes, without a word to anybody.
    await this.#idle();
    const left = this.#inFlight.values();
    for (const flight of left) this.#inFlight.delete(flight);
    await new Promise<void>((resolve) => {
      try {
        this.#socket.close(() => resolve());
      } catch {
        resolve(); // was closed through unwrap()
      }
    });
    for (const { datagram } of left) tell(datagram, new EndpointClosedError());
  }

  /** Resolves when the kernel has everything, or after a second: then it will not take it any more. */
  async #idle(): Promise<void> {
    if (this.#inFlight.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LONGEST_FLUSH_MS);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A datagram that Node has. */
class Flight implements Placed {
  place = -1;

  constructor(readonly datagram: OutgoingDatagram) {}
}

type LookupCallback = (error: Error | null, address: string, family: number) => void;

function answerLiteral(address: string, _options: unknown, callback: LookupCallback): void {
  callback(null, address, address.includes(':') ? 6 : 4);
}

const LONGEST_FLUSH_MS = 1000;
