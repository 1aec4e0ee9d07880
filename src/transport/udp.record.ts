import type { PacketMetadata } from '../codec/packet.js';
import { rankOf, type TrafficClassName } from '../common/traffic-class.js';
import type { PeerLike } from '../endpoint/host-cache.js';
import { asTimeout } from './client.options.js';

/** What one call of a client chooses for itself. */
export interface UdpRecordOptions {
  /** Milliseconds until the first value must be here, instead of the client's `timeout`. */
  readonly timeout?: number;
  /** Whom to ask, instead of the client's `host` and `port`. */
  readonly peer?: PeerLike;
  /** Sent beside the payload; what a dispatch hook adds wins. */
  readonly metadata?: PacketMetadata;
  /** Traffic class of the message on its way out. */
  readonly trafficClass?: TrafficClassName;
  /** Of an event: whether `emit` waits until the service has it, instead of the client's `confirmable`. */
  readonly confirmable?: boolean;
  /** Gives the request up when it is aborted, here and at the service. */
  readonly signal?: AbortSignal;
}

/** A payload with options of its own, made by {@link UdpRecordBuilder}. */
export class UdpRecord<T = unknown> {
  constructor(
    readonly data: T,
    readonly options: UdpRecordOptions = {},
  ) {}
}

/**
 * Builds the payload of one call:
 * `client.send('sum', new UdpRecordBuilder([1, 2]).setTimeout(500).setPeer({ host, port }).build())`.
 */
export class UdpRecordBuilder<T = unknown> {
  #data: T;
  #options: UdpRecordOptions = {};

  constructor(data: T) {
    this.#data = data;
  }

  setData(data: T): this {
    this.#data = data;
    return this;
  }

  /**
   * @param timeout milliseconds above 0; `Infinity` waits for ever
   * @throws {InvalidOptionError} it is not
   */
  setTimeout(timeout: number): this {
    this.#options = { ...this.#options, timeout: asTimeout(timeout, 'timeout') };
    return this;
  }

  /** Host name or address, and port 1 to 65535; a wrong one fails the call. */
  setPeer(peer: PeerLike): this {
    this.#options = { ...this.#options, peer };
    return this;
  }

  /** Texts by name. */
  setMetadata(metadata: PacketMetadata): this {
    this.#options = { ...this.#options, metadata: { ...metadata } };
    return this;
  }

  /**
   * Traffic class of the message on its way out; that of the reply is the server's to choose.
   *
   * @throws {InvalidOptionError} there is no such class
   */
  setTrafficClass(trafficClass: TrafficClassName): this {
    rankOf(trafficClass);
    this.#options = { ...this.#options, trafficClass };
    return this;
  }

  /** Of an event: `emit` completes when the service has it. Requests are answered anyway. */
  setConfirmable(confirmable = true): this {
    this.#options = { ...this.#options, confirmable };
    return this;
  }

  /** Gives the request up when it is aborted, here and at the service. */
  setSignal(signal: AbortSignal): this {
    this.#options = { ...this.#options, signal };
    return this;
  }

  build(): UdpRecord<T> {
    return new UdpRecord(this.#data, this.#options);
  }
}
