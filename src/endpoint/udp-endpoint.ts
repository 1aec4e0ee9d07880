import type { PeerAddress } from '../common/peer-address.js';
import { CONTROL_RANK, DEFAULT_RANK } from '../common/traffic-class.js';
import type { BoundAddress, EndpointStats } from '../telemetry/stats.js';
import { AddressValidation } from './address-validation.js';
import type { DatagramSocket, DatagramSocketEvents, LazyBytes } from './datagram-socket.js';
import { Downlink, type InboundDatagram } from './downlink.js';
import type { EndpointEvents } from './endpoint.events.js';
import {
  BindError,
  DriverUnavailableError,
  EndpointClosedError,
  errnoOf,
  SendFailedError,
} from './endpoint.errors.js';
import type { EndpointOptions } from './endpoint.options.js';
import { HostCache, type PeerLike } from './host-cache.js';
import { kernelDropsOf } from './kernel-drops.js';
import { USUAL_PASSAGE, type Passage } from './passage.js';
import { SourceFilter } from './source-filter.js';
import type { DirectionThrottle } from './throttle.js';
import type { UdpEnvironment } from './udp-environment.js';
import { Uplink, type Fate, type Outbound } from './uplink.js';
import { WorkCount } from './work-count.js';

/**
 * One socket with its way out and its way in, each behind a limit: bytes in, bytes out. What the bytes mean is
 * for others.
 */
export class UdpEndpoint {
  readonly upload: DirectionThrottle;
  readonly download: DirectionThrottle;
  /** Whose datagrams are taken. */
  readonly filter: SourceFilter;
  /** Takes what has passed the download gate; must not throw. */
  onDatagram: (datagram: InboundDatagram) => void = ignore;
  /** Whether a datagram that must wait is the reply to a request of ours: within its peer's share it goes first. */
  isAwaited: (datagram: InboundDatagram) => boolean = no;
  /** Answers a datagram above the download limit with a short error, and tells whether it did. Must not throw. */
  turnAway: (datagram: InboundDatagram) => boolean = no;
  /** Told why the reader of a datagram's bytes had to drop it. Must not throw. */
  onUnread: (reason: string) => void = ignore;
  /** Called when the machine of a connected peer says that nobody listens. */
  onUnreachable: (error: Error) => void = ignore;
  /** Called when `socket.signal` is aborted: whoever owns more than the endpoint closes all of it. */
  onAbort: () => void = () => void this.close();

  /** Which addresses have proved that they receive what is sent to them. */
  readonly validation: AddressValidation;

  readonly #hosts: HostCache;
  readonly #createSocket: () => DatagramSocket | Promise<DatagramSocket>;
  /** From `bind` on. */
  #socket: DatagramSocket | undefined;
  readonly #uplink: Uplink;
  readonly #downlink: Downlink;
  readonly #preparing = new WorkCount();
  readonly #onAbort = (): void => this.onAbort();

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
    const { socket, perPeer, amplification } = options;
    this.validation = new AddressValidation(amplification, scheduler);
    const isProven = (peer: PeerAddress): boolean => this.validation.isProven(peer);
    const optionsByProof = this.validation.isOn
      ? {
          ...options,
          perPeer: {
            upload: { ...perPeer.upload, isProven },
            download: { ...perPeer.download, isProven },
          },
        }
      : options;
    this.#hosts = new HostCache(
      socket.type === 'udp4' ? 4 : socket.ipv6Only ? 6 : 0,
      scheduler,
      socket.lookup,
    );
    this.#uplink = new Uplink(optionsByProof, {
      scheduler,
      events,
      transmit: (batch) => this.#boundSocket.send(batch),
      onUnreachable: (error) => this.onUnreachable(error),
    });
    this.filter = new SourceFilter(options.sources);
    this.#downlink = new Downlink(optionsByProof, {
      scheduler,
      events,
      filter: this.filter,
      deliver: (datagram, nowMs) => {
        this.validation.received(datagram.peer, datagram.data.length, nowMs);
        this.onDatagram(datagram);
      },
      isAwaited: (datagram) => this.isAwaited(datagram),
      turnAway: (datagram) => {
        this.validation.received(datagram.peer, datagram.data.length, scheduler.now());
        return this.turnAway(datagram);
      },
    });
    const socketEvents: DatagramSocketEvents = {
      onDatagrams: (batch) => this.#downlink.receive(batch),
      onError: (error) => this.#onSocketError(error),
    };
    this.#createSocket = () => createSocket(socket, socketEvents);
    this.upload = this.#uplink.throttle;
    this.download = this.#downlink.throttle;
    socket.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (socket.signal?.aborted === true) void this.close();
  }

  /**
   * Opens the socket; further calls give the same answer, and look a host up again that was not found.
   *
   * @throws {BindError} the address cannot be bound
   * @throws {DriverUnavailableError} the driver that was asked for is not to be had here
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
      await this.#boundSocket.connect(peer);
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
   * @param signal takes it back when aborted while it still waits
   * @returns a promise that is fulfilled when the kernel has the datagram
   * @throws {MessageTooLargeError} more than `maxDatagramSize` bytes
   * @throws {QueueOverflowError} the queue is full
   * @throws {DatagramDroppedError} the queue was full, and its policy is not `reject`; or it stood
   * @throws {QueueTimeoutError} it cannot leave within `queue.maxAge`
   * @throws {SendFailedError} the kernel refused it
   * @throws {EndpointClosedError} the endpoint is closed, or closed before it left
   * @throws the reason of `signal`, when that was aborted first
   */
  send(
    data: Uint8Array,
    peer: PeerAddress,
    passage: Passage = USUAL_PASSAGE,
    signal?: AbortSignal,
  ): Promise<void> {
    if (signal !== undefined) return this.#sendUnlessAborted(data, peer, passage, signal);
    return new Promise((resolve, reject) => {
      this.post(data, peer, { left: () => resolve(), dropped: reject }, passage);
    });
  }

  /** As {@link send}, for a bound endpoint and without a promise. Never throws; `fate` tells. */
  post(
    data: Uint8Array | LazyBytes,
    peer: PeerAddress,
    fate?: Fate,
    passage: Passage = USUAL_PASSAGE,
  ): Outbound {
    return this.#uplink.post(data, peer, fate, passage);
  }

  /**
   * As {@link post}, for what answers a datagram: an address that has not proved itself is sent no more than a few
   * times what it has sent, and what goes there has no part in the class of control.
   */
  answer(
    data: Uint8Array | LazyBytes,
    peer: PeerAddress,
    fate?: Fate,
    passage: Passage = USUAL_PASSAGE,
  ): void {
    if (!this.validation.tryAnswer(peer, data.length))
      return this.#uplink.withhold(data, peer, fate, passage);
    const isOrdinary = passage.rank !== CONTROL_RANK || this.validation.isProven(peer);
    this.post(data, peer, fate, isOrdinary ? passage : { ...passage, rank: DEFAULT_RANK });
  }

  /** Milliseconds that a new reply would wait, where that is too long; else 0. See {@link Uplink.busyForMs}. */
  busyForMs(peer: PeerAddress, passage: Passage): number {
    return this.#uplink.busyForMs(peer, passage);
  }

  /** Counts work that ends when a datagram has left, or cannot: {@link drained} waits for it too. */
  preparing<T>(work: Promise<T>): Promise<T> {
    return this.#preparing.during(work);
  }

  /** Resolves when nothing waits to leave. */
  async drained(): Promise<void> {
    await this.#preparing.idle();
    await this.#uplink.drained();
  }

  /** Counts a datagram that the reader of its bytes had to drop. */
  countDrop(datagram: InboundDatagram, reason: string): void {
    this.#downlink.drop(datagram, reason);
    this.onUnread(reason);
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

  /** Whether datagrams should be written when they leave. */
  get wantsLazyBytes(): boolean {
    return this.#socket?.wantsLazyBytes === true;
  }

  get maxDatagramSize(): number {
    return this.options.maxDatagramSize;
  }

  /** What is behind the socket: a `dgram.Socket`, or `{ fd }` with the batch driver. The endpoint must be bound. */
  unwrap(): unknown {
    return this.#boundSocket.unwrap();
  }

  stats(): EndpointStats {
    return Object.freeze({
      state: this.closed ? 'closed' : this.#address === undefined ? 'idle' : 'bound',
      driver: this.#socket?.driver,
      driverReason: this.#socket?.driverReason,
      address: this.#address,
      upload: this.upload.stats(),
      download: this.download.stats(),
      validation: this.validation.stats(),
      recvBufferSize: this.#bufferSizes?.recv,
      sendBufferSize: this.#bufferSizes?.send,
      kernelDrops: this.#address === undefined ? undefined : kernelDropsOf(this.#address),
    });
  }

  async #sendUnlessAborted(
    data: Uint8Array,
    peer: PeerAddress,
    passage: Passage,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    let abort = ignore;
    try {
      await new Promise<void>((resolve, reject) => {
        const posted = this.post(data, peer, { left: () => resolve(), dropped: reject }, passage);
        abort = () => void this.#uplink.withdraw(posted, signal.reason as Error);
        signal.addEventListener('abort', abort);
      });
    } finally {
      // A signal may outlive many datagrams: it must not hold on to them.
      signal.removeEventListener('abort', abort);
    }
  }

  async #bind(): Promise<BoundAddress> {
    const { host, port } = this.options;
    const address = await this.#addressToBind();
    let bound: BoundAddress;
    try {
      this.#socket = await this.#createSocket();
      bound = await this.#socket.bind(address, port);
    } catch (cause) {
      throw cause instanceof DriverUnavailableError ? cause : new BindError(host, port, cause);
    }
    // close() may have come first: then the socket is on its way out already.
    if (this.closed) throw new EndpointClosedError();
    this.#address = bound;
    this.#bufferSizes = this.#socket.bufferSizes();
    this.events.emit('listening', bound);
    return bound;
  }

  async #addressToBind(): Promise<string> {
    try {
      return await this.#hosts.addressOf(this.options.host);
    } catch (error) {
      // Nothing is bound yet: the next call may find it.
      this.#binding = undefined;
      throw error;
    }
  }

  get #boundSocket(): DatagramSocket {
    if (this.#socket === undefined) throw new TypeError('the endpoint is not bound');
    return this.#socket;
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
    this.#hosts.close();
    await this.#binding?.catch(ignore);
    await this.#socket?.close();
    this.events.emit('close');
  }
}

function ignore(): void {}

function no(): boolean {
  return false;
}
