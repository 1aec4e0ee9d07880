import { Logger } from '@nestjs/common';
import { Server, type MessageHandler, type MsPattern, type WritePacket } from '@nestjs/microservices';
import type { Observable, Subscription } from 'rxjs';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import type { PeerAddress } from '../common/peer-address.js';
import { EndpointEvents, type UdpEvents } from '../endpoint/endpoint.events.js';
import { asSecrets, type TokenSecret } from '../endpoint/address-validation.options.js';
import type { UnprovenAddressError } from '../endpoint/endpoint.errors.js';
import type { PeerLike } from '../endpoint/host-cache.js';
import { PacketChannel } from '../endpoint/packet-channel.js';
import { isSharedInCluster } from '../endpoint/shared-socket.js';
import type { Passage } from '../endpoint/passage.js';
import type { SourceFilter } from '../endpoint/source-filter.js';
import type { Throttle, UploadThrottle } from '../endpoint/throttle.js';
import { UdpEndpoint } from '../endpoint/udp-endpoint.js';
import { systemEnvironment, type UdpEnvironment } from '../endpoint/udp-environment.js';
import { formatRate } from '../shaping/rate.js';
import type { BoundAddress, EndpointStats, HandlerStats, PacketStats } from '../telemetry/stats.js';
import type { ThrottledUdpCallOptions } from './client.options.js';
import { Dispatcher } from './dispatcher.js';
import { drain } from './drain.js';
import { DropSummary } from './drop-summary.js';
import { HandlerRegistry } from './handler-registry.js';
import { passageOf, type PassageMap } from './handler-terms.js';
import { LineLimit } from './line-limit.js';
import { DATAGRAM_ROUTE } from './on-datagram.decorator.js';
import { ThrottledUdpClient } from './throttled-udp.client.js';
import { resolveSendOptions, type UdpSendOptions } from './send.options.js';
import { getTransportId } from './transport-id.js';
import {
  resolveTransportOptions,
  type ResolvedTransportOptions,
  type ThrottledUdpTransportOptions,
} from './transport.options.js';

/** All figures of a transport at one instant. */
export interface TransportStats extends EndpointStats {
  readonly packets: PacketStats;
  readonly handlers: HandlerStats;
}

/**
 * Nest's server side over UDP: datagrams go to `@MessagePattern`, `@EventPattern` and `@OnDatagram` handlers,
 * and all that leaves keeps to the upload limit, all that arrives to the download limit.
 *
 * `new ThrottledUdpTransport(options)` is a strategy for `createMicroservice({ strategy })` as it is; with
 * `ThrottledUdpModule` it is a provider. `status` emits `listening`, `closed` and `error`.
 */
export class ThrottledUdpTransport extends Server<UdpEvents, string> {
  override readonly transportId: symbol;
  protected override readonly logger = new Logger(ThrottledUdpTransport.name);
  /** The limit on all that leaves, and by `pattern()` those of handlers. */
  readonly upload: UploadThrottle;
  /** The limit on all that arrives. */
  readonly download: Throttle;
  /** Whose datagrams are taken; its lists can be changed while it runs. */
  readonly filter: SourceFilter;

  readonly #options: ResolvedTransportOptions;
  readonly #environment: UdpEnvironment;
  readonly #endpoint: UdpEndpoint;
  readonly #channel: PacketChannel;
  readonly #handlers = new HandlerRegistry((pattern) => this.#routeOf(pattern));
  readonly #passages: PassageMap = new WeakMap();
  readonly #dispatcher: Dispatcher;
  /** Takes whatever peers can make this transport say. */
  readonly #lines: LineLimit;
  readonly #dropSummary: DropSummary;
  #hasWarnedOfUnproven = false;
  #drainEndsMs: number | undefined;
  #intakeStopped: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param options limits, address, codec and the rest; read once
   * @param environment clock and sockets; the machine's unless a test brings its own
   * @throws {InvalidOptionError} naming an option that is wrong or unknown
   */
  constructor(options?: ThrottledUdpTransportOptions, environment: UdpEnvironment = systemEnvironment) {
    super();
    this.#options = resolveTransportOptions(options);
    this.#environment = environment;
    this.transportId = getTransportId(this.#options.name);
    const { endpoint, codec, exchange, serializer, deserializer, maxPendingRequests } = this.#options;
    const { scheduler } = environment;
    this.#lines = new LineLimit(scheduler, () => this.logger);
    this.#dropSummary = new DropSummary(scheduler, (line) => this.logger.warn(line));
    const events = new EndpointEvents((error) => this.#lines.error(error));
    this.#endpoint = new UdpEndpoint(endpoint, events, environment);
    this.#channel = new PacketChannel(
      this.#endpoint,
      codec,
      scheduler,
      maxPendingRequests,
      exchange,
      environment.random,
    );
    this.#dispatcher = new Dispatcher({
      channel: this.#channel,
      scheduler,
      handlers: this.#handlers,
      limits: this.#options.handlers,
      serializer,
      deserializer,
      onStart: (context, run) => this.onProcessingStartHook(this.transportId, context, run),
      onEnd: (context) => this.onProcessingEndHook?.(this.transportId, context),
      nameOf: nameOfPattern,
      logError: (error) => this.#lines.error(error),
      onUnproven: (error) => this.#warnOfUnproven(error),
    });
    this.#dispatcher.places.isProven = (peer) => this.#endpoint.validation.isProven(peer);
    this.#endpoint.onAbort = () => void this.close();
    this.#endpoint.onUnread = (reason) => this.#dropSummary.count(reason);
    this.upload = this.#endpoint.upload;
    this.#endpoint.upload.findPassage = (pattern) => this.#handlers.find(pattern)[0]?.passage;
    this.download = this.#endpoint.download;
    this.filter = this.#endpoint.filter;
    // Nest's own fields, for whoever extends this class.
    this.initializeSerializer({ serializer } as never);
    this.initializeDeserializer({ deserializer } as never);
  }

  /**
   * Called by Nest: binds the socket and serves.
   *
   * @param callback gets the error when the socket cannot be bound, or when handlers and codec do not fit
   */
  listen(callback: (error?: unknown, address?: BoundAddress) => void): void {
    this.#start().then(
      (address) => callback(undefined, address),
      (error: unknown) => {
        this._status$.next('error');
        callback(error);
      },
    );
  }

  /**
   * Sends bytes to any address through the upload limit, and binds the socket first when nobody has yet. Nest's
   * own form of `send`, with an Observable first, works too.
   *
   * @param payload bytes, or text in UTF-8; bytes must not change until they have left
   * @param peer host name or address, and port
   * @param options its traffic class, and a signal that takes it back while it waits
   * @returns a promise that is fulfilled when the kernel has the datagram; it is rejected with a
   *   `QueueOverflowError`, `DatagramDroppedError`, `QueueTimeoutError`, `MessageTooLargeError`,
   *   `SendFailedError`, `HostNotFoundError`, `BindError`, `EndpointClosedError` or `InvalidOptionError`, or with
   *   the reason of the signal
   */
  override send(payload: Uint8Array | string, peer: PeerLike, options?: UdpSendOptions): Promise<void>;
  override send(
    stream$: Observable<unknown>,
    respond: (data: WritePacket) => Promise<unknown> | void,
  ): Subscription;
  override send(
    first: Observable<unknown> | Uint8Array | string,
    second: PeerLike | ((data: WritePacket) => Promise<unknown> | void),
    options?: UdpSendOptions,
  ): Subscription & Promise<void> {
    const sent =
      typeof second === 'function'
        ? super.send(first as Observable<unknown>, second)
        : this.#sendBytes(first as Uint8Array | string, second, options);
    return sent as Subscription & Promise<void>;
  }

  /**
   * A client that asks others over this transport's socket, within its limits and in its protocol, as nodes of
   * a DHT do.
   *
   * @throws {InvalidOptionError} naming an option that is wrong, or that belongs to a socket
   */
  createClient(options?: ThrottledUdpCallOptions): ThrottledUdpClient {
    return new ThrottledUdpClient(options, {
      channel: this.#channel,
      scheduler: this.#environment.scheduler,
    });
  }

  /**
   * Takes no new requests and events; requests get the code `closing`. Replies to requests of our own still
   * come in. Resolves when the running handlers are done, or `drainTimeout` after the first call: those that
   * still run are told by their signal then, and their peers by the code `closing`.
   */
  stopIntake(): Promise<void> {
    this.#intakeStopped ??= this.#stopIntake();
    return this.#intakeStopped;
  }

  /**
   * Stops intake, lets handlers finish and queued replies leave within `drainTimeout`, then closes the socket.
   * May be called twice, also at once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Signs the tokens by which addresses prove themselves with another secret from now on. Those of the old one are
   * taken for as long as it stands second in the list: let it, for the `lifetime` of a token.
   *
   * @param secret as in the `addressValidation` option
   * @throws {InvalidOptionError} it is too short, or not bytes or text
   * @throws {TypeError} addresses need not prove themselves here
   */
  setValidationSecret(secret: TokenSecret | readonly TokenSecret[]): void {
    const secrets = asSecrets(secret, 'secret');
    if (!this.#endpoint.validation.isOn) throw new TypeError('addressValidation is off');
    this.#endpoint.validation.setSecrets(secrets);
  }

  /** Where the socket is bound; `undefined` before `listen()` or the first `send()`. */
  address(): BoundAddress | undefined {
    return this.#endpoint.address;
  }

  /** All figures as of now, frozen. */
  stats(): TransportStats {
    return Object.freeze({
      ...this.#endpoint.stats(),
      packets: this.#channel.stats(),
      handlers: this.#dispatcher.stats(),
    });
  }

  /** Hears of `listening`, `error`, `close`, `drop` or `overflow`. Errors nobody listens for are logged. */
  on<K extends keyof UdpEvents = keyof UdpEvents, C extends UdpEvents[K] = UdpEvents[K]>(
    event: K,
    callback: C,
  ): void {
    this.#endpoint.events.on(event, callback);
  }

  /** What is behind this transport, once it is bound: a `dgram.Socket`, or `{ fd }` with the batch driver. */
  unwrap<T>(): T {
    if (this.#endpoint.address === undefined) {
      throw new Error('Not initialized. Please call the "listen" method before accessing the socket.');
    }
    return this.#endpoint.unwrap() as T;
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const passage = passageOf(extras, this.#environment.scheduler.now(), this.#passages);
    const handler = { handle: callback, passage };
    if (pattern === DATAGRAM_ROUTE) return this.#handlers.addRaw(handler);
    const route = this.normalizePattern(pattern as MsPattern);
    if (typeof route !== 'string') {
      throw new InvalidOptionError('pattern', `must be a text, a number or an object, got ${show(pattern)}`);
    }
    Object.assign(callback, { isEventHandler, extras });
    this.#handlers.add(route, handler, isEventHandler, pattern);
    // Nest would chain the event handlers of one pattern and join their results; here each runs for itself.
    if (!isEventHandler || !this.messageHandlers.has(route)) {
      super.addHandler(pattern, callback, isEventHandler, extras);
    }
  }

  async #start(): Promise<BoundAddress> {
    const { codec } = this.#options;
    if (codec.exchange && this.#handlers.raw.length > 0) {
      throw new InvalidOptionError(
        'codec',
        `'${codec.name}' leaves no datagram raw: @OnDatagram() handlers would never be called (use a RawCodec)`,
      );
    }
    const { port, socket } = this.#options.endpoint;
    if (codec.exchange && isSharedInCluster(port, socket)) {
      throw new InvalidOptionError(
        'socket.reusePort',
        'must be true in a worker of node:cluster (Node 22.12 or later): a socket that workers share hands each ' +
          'datagram to any of them, and none would know what the others have answered',
      );
    }
    this.#channel.admit = this.#dispatcher.admit;
    this.#channel.hasPlace = this.#dispatcher.hasPlace;
    this.#channel.serve(this.#dispatcher.accept);
    const address = await this.#bind();
    const { upload, download } = this;
    this.logger.log(
      `Listening on udp ${address.address}:${address.port}, ` +
        `upload ${formatRate(upload.rate)}, download ${formatRate(download.rate)}, ${this.#driverInWords()}`,
    );
    this.#warnOfClamp('recvBufferSize');
    this.#warnOfClamp('sendBufferSize');
    return address;
  }

  #driverInWords(): string {
    const { driver, driverReason } = this.#endpoint.stats();
    return `driver ${driver}${driverReason === undefined ? '' : ` (${driverReason})`}`;
  }

  async #bind(): Promise<BoundAddress> {
    const address = await this.#endpoint.bind();
    this._status$.next('listening');
    return address;
  }

  async #sendBytes(payload: Uint8Array | string, to: PeerLike, options?: UdpSendOptions): Promise<void> {
    const { passage, signal } = resolveSendOptions(options);
    signal?.throwIfAborted();
    const data = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
    if (!(data instanceof Uint8Array)) {
      throw new InvalidOptionError('payload', `must be a Buffer, a Uint8Array or a text, got ${show(data)}`);
    }
    const peer = this.#endpoint.resolve(to);
    // As a rule all is known: then the datagram is in the queue before this call returns.
    if (this.address() !== undefined && !(peer instanceof Promise))
      return this.#endpoint.send(data, peer, passage, signal);
    return this.#endpoint.preparing(this.#sendLater(data, peer, passage, signal));
  }

  async #sendLater(
    data: Uint8Array,
    to: PeerAddress | Promise<PeerAddress>,
    passage: Passage,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const [peer] = await Promise.all([to, this.#bind()]);
    await this.#endpoint.send(data, peer, passage, signal);
  }

  async #stopIntake(): Promise<void> {
    this.#dispatcher.stopIntake();
    await drain(this.#dispatcher.idle(), this.#drainTime(), this.#environment.scheduler);
    if (this.#dispatcher.abort()) this.#drainEndsMs = this.#environment.scheduler.now() + this.#farewellMs;
  }

  async #close(): Promise<void> {
    await this.stopIntake();
    await drain(this.#channel.drained(), this.#drainTime(), this.#environment.scheduler);
    await this.#channel.close();
    this.#lines.close();
    this.#dropSummary.close();
    this._status$.next('closed');
  }

  /** Milliseconds left of the one `drainTimeout` that handlers and queued replies share. */
  #drainTime(): number {
    const nowMs = this.#environment.scheduler.now();
    this.#drainEndsMs ??= nowMs + this.#options.drainTimeoutMs;
    return Math.max(0, this.#drainEndsMs - nowMs);
  }

  /** What peers are told of aborted handlers must leave too, although these took all the time there was. */
  get #farewellMs(): number {
    return Math.min(this.#options.drainTimeoutMs, FAREWELL_MS);
  }

  #routeOf(pattern: unknown): string {
    return typeof pattern === 'string'
      ? this.getRouteFromPattern(pattern)
      : this.normalizePattern(pattern as MsPattern);
  }

  /** Once: whoever forges addresses must not fill the log, and whoever writes a protocol must learn of it. */
  #warnOfUnproven(error: UnprovenAddressError): void {
    if (this.#hasWarnedOfUnproven) return;
    this.#hasWarnedOfUnproven = true;
    const { factor } = this.#endpoint.validation;
    this.logger.warn(`${error.message}: amplificationFactor is ${factor}. This is said once.`);
  }

  #warnOfClamp(field: 'recvBufferSize' | 'sendBufferSize'): void {
    const asked = this.#options.endpoint.socket[field];
    const got = this.stats()[field];
    if (asked === undefined || got === undefined) return;
    // Linux doubles what it grants, for its own bookkeeping, and reports that: see socket(7), SO_RCVBUF.
    const granted = process.platform === 'linux' ? got / 2 : got;
    if (granted >= asked) return;
    this.logger.warn(`${field} is ${granted} bytes, ${asked} were asked: the kernel's limit is lower`);
  }
}

// Short words to a few peers; under a narrow limit with a long queue they may still be lost.
const FAREWELL_MS = 100;

/** Of a pattern that has found its handler, and so is short; a deserializer may give what JSON has no word for. */
function nameOfPattern(pattern: unknown): string {
  if (typeof pattern === 'string') return pattern;
  try {
    return JSON.stringify(pattern);
  } catch {
    return '[unserializable pattern]';
  }
}
