import type { PeerAddress } from '../common/peer-address.js';
import type { BoundAddress, EndpointStats } from '../telemetry/stats.js';
import type { DatagramSocket } from './datagram-socket.js';
import { Downlink, type InboundDatagram } from './downlink.js';
import type { EndpointEvents } from './endpoint.events.js';
import { BindError, EndpointClosedError, errnoOf, SendFailedError } from './endpoint.errors.js';
import type { EndpointOptions } from './endpoint.options.js';
import { HostCache, type PeerLike } from './host-cache.js';
import { kernelDropsOf } from './kernel-drops.js';
import type { Throttle } from './throttle.js';
import type { UdpEnvironment } from './udp-environment.js';
import { Uplink, type Fate } from './uplink.js';

/**
 * One socket with its way out and its way in, each behind a limit: bytes in, bytes out. What the bytes mean is
 * for others.
 */
export class UdpEndpoint {
  readonly upload: Throttle;
  readonly download: Throttle;
  /** Takes what has passed the download gate; must not throw. */
  onDatagram: (datagram: InboundDatagram) => void = ignore;
  /** Called when the machine of a connected peer says that nobody listens. */
  onUnreachable: (error: Error) => void = ignore;

  readonly #hosts: HostCache;
  readonly #socket: DatagramSocket;
  readonly #uplink: Uplink;
  readonly #downlink: Downlink;
  readonly #onAbort = (): void => void this.close();

  #binding: Promise<BoundAddress> | undefined;
  #address: BoundAddress | undefined;
  #bufferSizes: { recv: number; send: number } | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly options: EndpointOptions,
    readonly events: EndpointEvents,
    { scheduler, createSocket }: UdpEnvironment,
  ) {
    const { socket } = options;
    this.#hosts = new HostCache(
      socket.type === 'udp4' ? 4 : socket.ipv6Only ? 6 : 0,
      scheduler,
      socket.lookup,
    );
    this.#uplink = new Uplink(options, {
      scheduler,
      events,
      transmit: (batch) => this.#socket.send(batch),
      onUnreachable: (error) => this.onUnreachable(error),
    });
    this.#downlink = new Downlink(options.download, {
      scheduler,
      events,
      deliver: (datagram) => this.onDatagram(datagram),
    });
    this.#socket = createSocket(socket, {
      onDatagrams: (batch) => this.#downlink.receive(batch),
      onError: (error) => this.#onSocketError(error),
    });
    this.upload = this.#uplink.throttle;
    this.download = this.#downlink.throttle;
    socket.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (socket.signal?.aborted === true) void this.close();
  }

  /**
   * Opens the socket; further calls give the same answer.
   *
   * @throws {BindError} the address cannot be bound
   * @throws {HostNotFoundError} the host to bind has no address
   * @throws {EndpointClosedError} the endpoint is closed
   */
  bind(): Promise<BoundAddress> {
    if (this.#isClosed) return Promise.reject(new EndpointClosedError());
    this.#binding ??= this.#bind();
    return this.#binding;
  }

  /**
   * Sends to this peer only, and hears of nobody else. To be called once, after `bind`.
   *
   * @throws {SendFailedError} the kernel does not connect to it, such as an address of the other family
   * @throws {EndpointClosedError} the endpoint is closed
   */
  async connect(peer: PeerAddress): Promise<void> {
    if (this.#isClosed) throw new EndpointClosedError();
    try {
      await this.#socket.connect(peer);
    } catch (cause) {
      throw new SendFailedError(peer, cause);
    }
  }

  /** The peer behind a host and a port; a promise when its name must be looked up. See {@link HostCache}. */
  resolve(peer: PeerLike): PeerAddress | Promise<PeerAddress> {
    return this.#hosts.resolve(peer);
  }

  /**
   * Sends a datagram through the upload limit.
   *
   * @param data 0 to `maxDatagramSize` bytes; must not change until it has left
   * @returns a promise that is fulfilled when the kernel has the datagram
   * @throws {MessageTooLargeError} more than `maxDatagramSize` bytes
   * @throws {QueueOverflowError} the queue is full
   * @throws {QueueTimeoutError} it cannot leave within `queue.maxAge`
   * @throws {SendFailedError} the kernel refused it
   * @throws {EndpointClosedError} the endpoint is closed, or closed before it left
   */
  send(data: Uint8Array, peer: PeerAddress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.post(data, peer, { left: () => resolve(), dropped: reject });
    });
  }

  /**
   * As {@link send}, for a bound endpoint and without a promise. Never throws; `fate` tells.
   *
   * @param isUrgent short errors and frames: they go first, and may still be queued when replies no longer are
   */
  post(data: Uint8Array, peer: PeerAddress, fate?: Fate, isUrgent = false): void {
    this.#uplink.post(data, peer, fate, isUrgent);
  }

  /** Resolves when nothing waits to leave. */
  drained(): Promise<void> {
    return this.#uplink.drained();
  }

  /** Counts a datagram that the reader of its bytes had to drop. */
  countDrop(datagram: InboundDatagram, reason: string): void {
    this.#downlink.drop(datagram, reason);
  }

  /** Closes the socket and settles every promise; what still waits is dropped. May be called twice. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  /** Where the socket is bound; `undefined` before. */
  get address(): BoundAddress | undefined {
    return this.#address;
  }

  get maxDatagramSize(): number {
    return this.options.maxDatagramSize;
  }

  unwrap(): unknown {
    return this.#socket.unwrap();
  }

  stats(): EndpointStats {
    return Object.freeze({
      state: this.closed ? 'closed' : this.#address === undefined ? 'idle' : 'bound',
      driver: this.#socket.driver,
      address: this.#address,
      upload: this.upload.stats(),
      download: this.download.stats(),
      recvBufferSize: this.#bufferSizes?.recv,
      sendBufferSize: this.#bufferSizes?.send,
      kernelDrops: this.#address === undefined ? undefined : kernelDropsOf(this.#address),
    });
  }

  async #bind(): Promise<BoundAddress> {
    const { host, port } = this.options;
    const address = await this.#hosts.addressOf(host);
    let bound: BoundAddress;
    try {
      bound = await this.#socket.bind(address, port);
    } catch (cause) {
      throw new BindError(host, port, cause);
    }
    // close() may have come first: then the socket is on its way out already.
    if (this.closed) throw new EndpointClosedError();
    this.#address = bound;
    this.#bufferSizes = this.#socket.bufferSizes();
    this.events.emit('listening', bound);
    return bound;
  }

  #onSocketError(error: Error): void {
    if (errnoOf(error) === 'ECONNREFUSED') this.onUnreachable(error);
    // While binding, the same error rejects bind(): its caller is told.
    else if (this.#address !== undefined) this.events.error(error);
  }

  async #close(): Promise<void> {
    // A signal may outlive many endpoints: it must not hold on to them.
    this.options.socket.signal?.removeEventListener('abort', this.#onAbort);
    this.#downlink.close();
    this.#uplink.close();
    await this.#binding?.catch(ignore);
    await this.#socket.close();
    this.events.emit('close');
  }
}

function ignore(): void {}
