import type { PeerAddress } from '../common/peer-address.js';
import { DownloadGate } from '../shaping/download-gate.js';
import type { Queueable } from '../shaping/datagram-queue.js';
import { UploadShaper } from '../shaping/upload-shaper.js';
import { DropCounters } from '../telemetry/drop-counters.js';
import { RateMeter } from '../telemetry/rate-meter.js';
import type { BoundAddress, EndpointStats } from '../telemetry/stats.js';
import type { DatagramSocket, ReceivedDatagram } from './datagram-socket.js';
import type { EndpointEvents } from './endpoint.events.js';
import {
  BindError,
  EndpointClosedError,
  errnoOf,
  MessageTooLargeError,
  QueueOverflowError,
  QueueTimeoutError,
  SendFailedError,
} from './endpoint.errors.js';
import type { EndpointOptions } from './endpoint.options.js';
import { HostCache, type PeerLike } from './host-cache.js';
import { kernelDropsOf } from './kernel-drops.js';
import { ReleaseLoop } from './release-loop.js';
import { SendRetry, type Retryable } from './send-retry.js';
import { createThrottle, type Throttle } from './throttle.js';
import type { UdpEnvironment } from './udp-environment.js';

/** A datagram that has passed the download gate. */
export interface InboundDatagram extends Queueable {
  /** The payload; the receiver may keep it. */
  readonly data: Buffer;
  readonly peer: PeerAddress;
  /** When it came from the kernel, monotonic milliseconds. */
  readonly receivedAtMs: number;
}

/** Told what became of a datagram: one of the two, exactly once. */
export interface Fate {
  /** The kernel has it. */
  left(nowMs: number): void;
  /** It will never leave. */
  dropped(error: Error): void;
}

/**
 * One socket with one upload shaper, one download gate and their meters: bytes in, bytes out. What the bytes
 * mean is for others.
 */
export class UdpEndpoint {
  readonly upload: Throttle;
  readonly download: Throttle;
  /** Takes what has passed the gate; must not throw. */
  onDatagram: (datagram: InboundDatagram) => void = ignore;
  /** Called when the machine of a connected peer says that nobody listens. */
  onUnreachable: (error: Error) => void = ignore;

  readonly #environment: UdpEnvironment;
  readonly #hosts: HostCache;
  readonly #socket: DatagramSocket;
  readonly #shaper: UploadShaper<Outbound>;
  readonly #gate: DownloadGate<InboundDatagram>;
  readonly #sendLoop: ReleaseLoop<Outbound>;
  readonly #receiveLoop: ReleaseLoop<InboundDatagram>;
  readonly #retry: SendRetry<Outbound>;
  readonly #sent = new RateMeter();
  readonly #received = new RateMeter();
  readonly #sendDrops = new DropCounters();
  readonly #receiveDrops = new DropCounters();
  readonly #fullQueues = new Set<'upload' | 'download'>();
  readonly #onDrained = new Set<() => void>();

  readonly #onAbort = (): void => void this.close();

  #binding: Promise<BoundAddress> | undefined;
  #address: BoundAddress | undefined;
  #bufferSizes: { recv: number; send: number } | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  /** Datagrams with the kernel or about to be sent again. */
  #underWay = 0;

  constructor(
    private readonly options: EndpointOptions,
    readonly events: EndpointEvents,
    environment: UdpEnvironment,
  ) {
    const { scheduler, createSocket } = environment;
    const { socket } = options;
    const family = socket.type === 'udp4' ? 4 : socket.ipv6Only ? 6 : 0;
    const nowMs = scheduler.now();
    this.#environment = environment;
    this.#hosts = new HostCache(family, scheduler, socket.lookup);
    this.#socket = createSocket(socket, {
      onDatagrams: (batch) => this.#receive(batch),
      onError: (error) => this.#onSocketError(error),
    });
    this.#shaper = new UploadShaper(options.upload, options.queue, nowMs);
    this.#gate = new DownloadGate(options.download, nowMs);
    this.#retry = new SendRetry(scheduler, (batch) => this.#socket.send(batch));
    this.#sendLoop = new ReleaseLoop(
      this.#shaper,
      scheduler,
      (batch) => this.#transmit(batch),
      (outbound) => this.#refuse(outbound, 'expired'),
    );
    this.#receiveLoop = new ReleaseLoop(
      this.#gate,
      scheduler,
      (batch) => batch.forEach((datagram) => this.#deliver(datagram)),
      (datagram) => this.#dropInbound(datagram, 'expired'),
    );
    this.upload = createThrottle({
      queue: this.#shaper,
      meter: this.#sent,
      drops: this.#sendDrops,
      scheduler,
      onChange: () => this.#sendLoop.aim(),
    });
    this.download = createThrottle({
      queue: this.#gate,
      meter: this.#received,
      drops: this.#receiveDrops,
      scheduler,
      onChange: () => this.#receiveLoop.aim(),
    });
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
   * @param isRefusal a short error, which may still be queued when replies no longer are
   */
  post(data: Uint8Array, peer: PeerAddress, fate?: Fate, isRefusal = false): void {
    const mayUseReserve = isRefusal && data.length <= MAX_REFUSAL_BYTES;
    const outbound = new Outbound(data, peer, fate, mayUseReserve, this.#onDone);
    if (this.#isClosed) return this.#drop(outbound, 'closed', EndpointClosedError);
    if (data.length > this.options.maxDatagramSize) return this.#refuse(outbound, 'too-large');
    const verdict = this.#shaper.offer(outbound, this.#environment.scheduler.now());
    if (verdict === 'pass') this.#transmit([outbound]);
    else if (verdict === 'queued') this.#sendLoop.aim();
    else this.#refuse(outbound, verdict);
  }

  /** Resolves when nothing waits to leave. */
  async drained(): Promise<void> {
    if (this.#isDrained) return;
    await new Promise<void>((resolve) => this.#onDrained.add(resolve));
  }

  /** Counts a datagram that the reader of its bytes had to drop. */
  countDrop(datagram: InboundDatagram, reason: string): void {
    this.#dropInbound(datagram, reason);
  }

  /** Closes the socket and settles every promise; what still waits is dropped. May be called twice. */
  close(): Promise<void> {
    // First of all: whoever is told of a dropped datagram must find that no other one is taken.
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

  #transmit(batch: readonly Outbound[]): void {
    this.#underWay += batch.length;
    this.#socket.send(batch);
    this.#checkQueue('upload', this.#shaper);
  }

  readonly #onDone = (outbound: Outbound, error: Error | undefined): void => {
    if (error !== undefined && !this.closed && this.#retry.take(outbound, error)) return;
    this.#underWay--;
    if (error === undefined) {
      const nowMs = this.#environment.scheduler.now();
      this.#retry.reset();
      this.#sent.add(outbound.bytes, nowMs);
      outbound.fate?.left(nowMs);
    } else if (error instanceof EndpointClosedError) {
      this.#drop(outbound, 'closed', EndpointClosedError);
    } else {
      this.#failed(outbound, error);
    }
    if (this.#isDrained) this.#tellDrained();
  };

  #failed(outbound: Outbound, cause: Error): void {
    this.#count(outbound, 'send-failed');
    // First: whoever waits for this peer learns that it is unreachable, not that one datagram has failed.
    if (errnoOf(cause) === 'ECONNREFUSED') this.onUnreachable(cause);
    outbound.fate?.dropped(new SendFailedError(outbound.peer, cause));
  }

  #refuse(outbound: Outbound, reason: RefusalReason): void {
    if (reason === 'overflow') this.#tellOverflow('upload', this.#shaper);
    this.#count(outbound, reason);
    // An error is worth its stack only where somebody takes it.
    outbound.fate?.dropped(this.#refusalOf(outbound, reason));
    if (this.#isDrained) this.#tellDrained();
  }

  #refusalOf({ peer, bytes }: Outbound, reason: RefusalReason): Error {
    const { queuedBytes, queuedDatagrams, queueLimits } = this.#shaper;
    switch (reason) {
      case 'too-large':
        return new MessageTooLargeError(bytes, this.options.maxDatagramSize);
      case 'expired':
        return new QueueTimeoutError(peer, queuedBytes, queueLimits.maxAgeMs);
      default:
        return new QueueOverflowError(peer, queuedBytes, queueLimits.maxBytes, queuedDatagrams);
    }
  }

  #drop(outbound: Outbound, reason: string, ErrorType: new () => Error): void {
    this.#count(outbound, reason);
    outbound.fate?.dropped(new ErrorType());
  }

  #count({ bytes, peer }: Outbound, reason: string): void {
    this.#sendDrops.count(reason, bytes);
    if (this.events.has('drop')) this.events.emit('drop', { direction: 'upload', reason, bytes, peer });
  }

  #receive(batch: readonly ReceivedDatagram[]): void {
    if (this.closed) return;
    const nowMs = this.#environment.scheduler.now();
    for (const { data, peer } of batch) {
      const datagram = { data, peer, bytes: data.length, receivedAtMs: nowMs, queuedAtMs: nowMs };
      const verdict = this.#gate.offer(datagram, nowMs);
      if (verdict === 'pass') this.#deliver(datagram);
      else if (verdict === 'queued') this.#receiveLoop.aim();
      else this.#refuseInbound(datagram, verdict);
    }
  }

  #deliver(datagram: InboundDatagram): void {
    this.#received.add(datagram.bytes, this.#environment.scheduler.now());
    this.#checkQueue('download', this.#gate);
    this.onDatagram(datagram);
  }

  #refuseInbound(datagram: InboundDatagram, reason: string): void {
    if (reason === 'overflow') this.#tellOverflow('download', this.#gate);
    this.#dropInbound(datagram, reason);
  }

  #dropInbound({ bytes, peer }: InboundDatagram, reason: string): void {
    this.#receiveDrops.count(reason, bytes);
    if (this.events.has('drop')) this.events.emit('drop', { direction: 'download', reason, bytes, peer });
  }

  #onSocketError(error: Error): void {
    if (errnoOf(error) === 'ECONNREFUSED') this.onUnreachable(error);
    // While binding, the same error rejects bind(): its caller is told.
    else if (this.#address !== undefined) this.events.error(error);
  }

  #tellOverflow(direction: 'upload' | 'download', { queuedBytes, queuedDatagrams }: QueueFigures): void {
    if (this.#fullQueues.has(direction)) return;
    this.#fullQueues.add(direction);
    this.events.emit('overflow', { direction, queuedBytes, queuedDatagrams });
  }

  #checkQueue(direction: 'upload' | 'download', queue: QueueFigures): void {
    if (this.#fullQueues.size === 0) return;
    const { maxBytes, maxDatagrams } = queue.queueLimits;
    const isHalfEmpty = queue.queuedBytes <= maxBytes / 2 && queue.queuedDatagrams <= maxDatagrams / 2;
    if (isHalfEmpty) this.#fullQueues.delete(direction);
  }

  get #isDrained(): boolean {
    return this.#underWay === 0 && this.#shaper.queuedDatagrams === 0;
  }

  #tellDrained(): void {
    if (this.#onDrained.size === 0) return;
    for (const tell of this.#onDrained) tell();
    this.#onDrained.clear();
  }

  async #close(): Promise<void> {
    // A signal may outlive many endpoints: it must not hold on to them.
    this.options.socket.signal?.removeEventListener('abort', this.#onAbort);
    this.#sendLoop.stop();
    this.#receiveLoop.stop();
    for (let item = this.#shaper.discard(); item !== undefined; item = this.#shaper.discard()) {
      this.#drop(item, 'closed', EndpointClosedError);
    }
    for (let item = this.#gate.discard(); item !== undefined; item = this.#gate.discard()) {
      this.#dropInbound(item, 'closed');
    }
    for (const outbound of this.#retry.drain()) outbound.done(new EndpointClosedError());
    await this.#binding?.catch(ignore);
    await this.#socket.close();
    this.#tellDrained();
    this.events.emit('close');
  }
}

/** A datagram on its way out. */
class Outbound implements Retryable, Queueable {
  queuedAtMs = 0;
  refusals = 0;

  constructor(
    readonly data: Uint8Array,
    readonly peer: PeerAddress,
    readonly fate: Fate | undefined,
    readonly mayUseReserve: boolean,
    private readonly onDone: (outbound: Outbound, error: Error | undefined) => void,
  ) {}

  get bytes(): number {
    return this.data.length;
  }

  done(error?: Error): void {
    this.onDone(this, error);
  }
}

type RefusalReason = 'too-large' | 'overflow' | 'expired' | 'exceeded';

type QueueFigures = Pick<UploadShaper<Outbound>, 'queuedBytes' | 'queuedDatagrams' | 'queueLimits'>;

// Room for an id, a code and a sentence; anything longer waits its turn.
const MAX_REFUSAL_BYTES = 512;

function ignore(): void {}
