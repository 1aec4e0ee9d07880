import { Logger } from '@nestjs/common';
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { Observable, ReplaySubject } from 'rxjs';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { PlacedSet } from '../common/placed-set.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { ReplyPacket } from '../codec/packet.js';
import { EndpointEvents, type UdpEvents } from '../endpoint/endpoint.events.js';
import {
  EndpointClosedError,
  HostNotFoundError,
  PeerRefusedError,
  RequestTimeoutError,
} from '../endpoint/endpoint.errors.js';
import { PacketChannel } from '../endpoint/packet-channel.js';
import type { Scheduler } from '../endpoint/scheduler.js';
import type { SourceFilter } from '../endpoint/source-filter.js';
import type { Throttle } from '../endpoint/throttle.js';
import { UdpEndpoint } from '../endpoint/udp-endpoint.js';
import { systemEnvironment, type UdpEnvironment } from '../endpoint/udp-environment.js';
import type { EndpointStats, PacketStats } from '../telemetry/stats.js';
import {
  resolveCallOptions,
  resolveClientOptions,
  type ResolvedCallOptions,
  type ResolvedClientOptions,
  type ThrottledUdpClientOptions,
} from './client.options.js';
import { ClientCall } from './client-call.js';
import { drain, within } from './drain.js';
import { LineLimit } from './line-limit.js';
import { prepareCall, type PreparedCall } from './prepared-call.js';
import { passageOfClass } from './send.options.js';
import type { UdpRecordOptions } from './udp.record.js';

/** All figures of a client at one instant; on a shared socket, those of the socket. */
export interface ClientStats extends EndpointStats {
  readonly packets: PacketStats;
  /** Events that could not be sent, whether or not somebody observed it. */
  readonly failedEvents: number;
}

/** The channel of a transport, for a client that shares its socket. */
interface SharedChannel {
  readonly channel: PacketChannel;
  readonly scheduler: Scheduler;
}

/**
 * Nest's client side over UDP: `send` asks and waits for replies, `emit` tells. All of it keeps to the limits.
 *
 * The socket is bound by `connect()` or by the first call. A closed client stays closed. `status` emits
 * `listening`, `closed` and `error`.
 */
export class ThrottledUdpClient extends ClientProxy<UdpEvents, string> {
  /** The limit on all that leaves. */
  readonly upload: Throttle;
  /** The limit on all that arrives. */
  readonly download: Throttle;
  /** Whose datagrams are taken: replies too. */
  readonly filter: SourceFilter;

  protected readonly logger = new Logger(ThrottledUdpClient.name);
  readonly #call: ResolvedCallOptions;
  readonly #own: OwnSocket | undefined;
  readonly #channel: PacketChannel;
  readonly #scheduler: Scheduler;
  readonly #inFlight = new PlacedSet<ClientCall>();
  /** Of a socket of its own. */
  #lines: LineLimit | undefined;
  #failedEvents = 0;
  #connecting: Promise<void> | undefined;
  #isConnected = false;
  #closing: Promise<void> | undefined;

  /**
   * @param options whom to ask, limits, codec and the rest; read once
   * @param environment clock and sockets, the machine's unless a test brings its own; `createClient` of a
   *   transport passes its socket here
   * @throws {InvalidOptionError} naming an option that is wrong or unknown
   */
  constructor(
    options?: ThrottledUdpClientOptions,
    environment: UdpEnvironment | SharedChannel = systemEnvironment,
  ) {
    super();
    this.#scheduler = environment.scheduler;
    if ('channel' in environment) {
      this.#call = resolveCallOptions(options);
      this.#channel = environment.channel;
    } else {
      const resolved = resolveClientOptions(options);
      this.#call = resolved;
      this.#own = { options: resolved, environment };
      this.#channel = this.#openChannel(resolved, environment);
    }
    this.upload = this.#channel.endpoint.upload;
    this.download = this.#channel.endpoint.download;
    this.filter = this.#channel.endpoint.filter;
    // Nest's own fields, for whoever extends this class.
    this.initializeSerializer({ serializer: this.#call.serializer } as never);
    this.initializeDeserializer({ deserializer: this.#call.deserializer } as never);
  }

  /**
   * Binds the socket; further calls give the same answer, and look a host up again that was not found.
   *
   * @throws {BindError | HostNotFoundError | EndpointClosedError} as a rejection
   */
  connect(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new EndpointClosedError());
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  /** As Nest's, but the time that binding the socket takes counts too. */
  override send<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isMissing(pattern) || isMissing(data)) return super.send(pattern, data);
    return new Observable((observer) =>
      this.publish(this.#createPacket(pattern, data), this.createObserver(observer)),
    );
  }

  /**
   * Tells a server something, whether or not anybody subscribes: once, or when it is confirmable until the
   * server has it.
   *
   * @returns an Observable that emits one `undefined` when the kernel has the datagram, or the server a
   *   confirmable event; or fails when they will not get it
   */
  override emit<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isMissing(pattern) || isMissing(data)) return super.emit(pattern, data);
    const told = new ReplaySubject<TResult>(1);
    this.#channel.endpoint.preparing(this.#tell(pattern, data)).then(
      () => {
        told.next(undefined as TResult);
        told.complete();
      },
      (error: unknown) => {
        this.#failedEvents++;
        told.error(error);
      },
    );
    return told.asObservable();
  }

  /**
   * Fails what still waits for replies, lets events and queued datagrams leave within `drainTimeout`, then closes the
   * socket, unless that is shared. May be called twice; arguments, as Nest gives them, mean nothing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** All figures as of now, frozen. */
  stats(): ClientStats {
    return Object.freeze({
      ...this.#channel.endpoint.stats(),
      packets: this.#channel.stats(),
      failedEvents: this.#failedEvents,
    });
  }

  /** Hears of `listening`, `error`, `close`, `drop` or `overflow` of the socket. */
  override on<K extends keyof UdpEvents = keyof UdpEvents, C extends UdpEvents[K] = UdpEvents[K]>(
    event: K,
    callback: C,
  ): void {
    this.#channel.endpoint.events.on(event, callback);
  }

  /** The `dgram.Socket` behind this client, once it is bound. */
  unwrap<T>(): T {
    if (this.#channel.endpoint.address === undefined) {
      throw new Error('Not initialized. Please call the "connect" method first.');
    }
    return this.#channel.endpoint.unwrap() as T;
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const call = new ClientCall(callback, this.#inFlight, this.#takeReply);
    this.#ask(packet, call);
    return () => call.cancel();
  }

  protected async dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    const { question, options } = await prepareCall(packet, this.#call.serializer);
    const peer = await this.#peerOf(options);
    const { confirmable, times } = this.#call;
    const passage = passageOfClass(options.trafficClass);
    const isConfirmable = options.confirmable ?? confirmable;
    if (isConfirmable)
      await this.#channel.confirm(question, peer, options.timeout ?? times.timeoutMs, passage);
    else await this.#channel.notify(question, peer, passage);
    return undefined as T;
  }

  #openChannel(options: ResolvedClientOptions, environment: UdpEnvironment): PacketChannel {
    const { scheduler, random } = environment;
    this.#lines = new LineLimit(scheduler, () => this.logger);
    const events = new EndpointEvents((error) => this.#lines?.error(error));
    const endpoint = new UdpEndpoint(options.endpoint, events, environment);
    endpoint.onAbort = () => void this.close();
    const { codec, maxPendingRequests, exchange } = options;
    return new PacketChannel(endpoint, codec, scheduler, maxPendingRequests, exchange, random);
  }

  async #connect(): Promise<void> {
    const { endpoint } = this.#channel;
    try {
      await endpoint.bind();
      if (this.#own?.options.connected === true)
        await endpoint.connect(await endpoint.resolve(this.#call.server));
    } catch (error) {
      if (error instanceof HostNotFoundError) this.#connecting = undefined;
      this._status$.next('error');
      throw error;
    }
    this.#isConnected = true;
    this._status$.next('listening');
  }

  async #tell(pattern: unknown, data: unknown): Promise<void> {
    await this.connect();
    await this.dispatchEvent(this.#createPacket(pattern, data));
  }

  /** As a rule all is known, and the request is on its way before this call returns: no promise is waited for. */
  #ask(packet: ReadPacket, call: ClientCall): void {
    const startMs = this.#scheduler.now();
    try {
      const prepared = prepareCall(packet, this.#call.serializer);
      const asked =
        prepared instanceof Promise
          ? prepared.then((known) => this.#askFor(known, call, startMs))
          : this.#askFor(prepared, call, startMs);
      asked?.catch((error: unknown) => call.failed(error));
    } catch (error) {
      call.failed(error);
    }
  }

  /** @returns a promise where its peer must be looked up first, or the socket opened */
  #askFor(prepared: PreparedCall, call: ClientCall, startMs: number): Promise<void> | undefined {
    const { options } = prepared;
    call.heed(options.signal);
    if (call.isOver) return undefined;
    const peer = this.#reach(options, options.timeout ?? this.#call.times.timeoutMs, startMs);
    if (!(peer instanceof Promise)) {
      this.#request(prepared, peer, call, startMs);
      return undefined;
    }
    return peer.then((known) => {
      if (!call.isOver) this.#request(prepared, known, call, startMs);
    });
  }

  #request({ question, options }: PreparedCall, peer: PeerAddress, call: ClientCall, startMs: number): void {
    const { timeoutMs, streamTimeoutMs } = this.#call.times;
    const times = { timeoutMs: options.timeout ?? timeoutMs, streamTimeoutMs, sinceMs: startMs };
    const passage = passageOfClass(options.trafficClass);
    call.peer = peer;
    call.giveUp = this.#channel.request(question, peer, times, call, passage);
  }

  /** Nest 12 has hooks on packets here; Nest 11 does not. */
  #createPacket(pattern: unknown, data: unknown): ReadPacket {
    const base = this as unknown as { createPacket?: (pattern: unknown, data: unknown) => ReadPacket };
    return base.createPacket?.(pattern, data) ?? { pattern, data };
  }

  /** The peer of a request, when the socket is open too: at once as a rule, else within the request's time. */
  #reach(options: UdpRecordOptions, timeoutMs: number, startMs: number): PeerAddress | Promise<PeerAddress> {
    const isOpen = this.#isConnected && this.#closing === undefined;
    const peer = isOpen ? this.#peerOf(options) : this.connect().then(() => this.#peerOf(options));
    if (!(peer instanceof Promise)) return peer;
    const { host, port } = options.peer ?? this.#call.server;
    const leftMs = timeoutMs - (this.#scheduler.now() - startMs);
    return within(
      peer,
      leftMs,
      this.#scheduler,
      () => new RequestTimeoutError(`${host}:${port}`, timeoutMs, 0),
    );
  }

  #peerOf({ peer }: UdpRecordOptions): PeerAddress | Promise<PeerAddress> {
    if (peer !== undefined && this.#own?.options.connected === true) {
      throw new InvalidOptionError(
        'peer',
        'cannot be chosen by a record: the client is connected to one peer',
      );
    }
    return this.#channel.endpoint.resolve(peer ?? this.#call.server);
  }

  readonly #takeReply = (reply: ReplyPacket, call: ClientCall): void => {
    const { deserializer } = this.#call;
    if (deserializer === undefined) return this.#deliver(reply, call);
    const { kind, code, stamp: _stamp, ...message } = reply;
    // Replies of one request stay in order, also when the deserializer takes its time.
    call.before = (call.before ?? Promise.resolve())
      .then(async () => (await deserializer.deserialize(message)) as Omit<ReplyPacket, 'kind' | 'code'>)
      .then((deserialized) => this.#deliver({ kind, code, ...deserialized }, call))
      .catch((error: unknown) => call.failed(error));
  };

  #deliver({ err, code, response, isDisposed }: ReplyPacket, call: ClientCall): void {
    if (code !== undefined) {
      const text = typeof err === 'string' ? err : code;
      return call.settle({
        err: new PeerRefusedError(call.peer as PeerAddress, code, text),
        isDisposed: true,
      });
    }
    // Nest takes a falsy error for none, and the request would never end.
    if (!isMissing(err)) return call.settle({ err: err || EMPTY_ERROR });
    if (isDisposed === true) return call.settle({ response, isDisposed });
    call.tell({ response });
  }

  async #close(): Promise<void> {
    for (const call of this.#inFlight.values()) {
      call.giveUp();
      call.failed(new EndpointClosedError());
    }
    if (this.#own !== undefined) {
      const { options, environment } = this.#own;
      await drain(this.#allTold(), options.drainTimeoutMs, environment.scheduler);
      await this.#channel.close();
      this.#lines?.close();
    }
    this._status$.next('closed');
  }

  async #allTold(): Promise<void> {
    await this.#connecting?.catch(ignore);
    await this.#channel.endpoint.drained();
  }
}

/** What belongs to a client whose socket is not shared. */
interface OwnSocket {
  readonly options: ResolvedClientOptions;
  readonly environment: UdpEnvironment;
}

function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

const EMPTY_ERROR = { status: 'error', message: 'the service failed without saying how' };

function ignore(): void {}
