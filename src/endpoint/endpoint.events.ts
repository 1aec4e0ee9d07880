import { captureRejectionSymbol, EventEmitter } from 'node:events';
import type { PeerAddress } from '../common/peer-address.js';
import type { BoundAddress } from '../telemetry/stats.js';

/** A datagram that did not go on its way. */
export interface DropEvent {
  readonly direction: 'upload' | 'download';
  /** `overflow`, `expired`, `exceeded`, `closed`, `send-failed`, `malformed: ...` and so on; see PROTOCOL.md. */
  readonly reason: string;
  readonly bytes: number;
  readonly peer: PeerAddress;
}

/** A queue that has begun to refuse datagrams. */
export interface OverflowEvent {
  readonly direction: 'upload' | 'download';
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
}

// An alias, not an interface: Nest wants an index signature of its event maps, and only aliases have one.
export type UdpEvents = {
  /** The socket is bound. */
  listening: (address: BoundAddress) => void;
  /** Something went wrong that belongs to no call. */
  error: (error: Error) => void;
  /** The socket is closed and every promise settled. */
  close: () => void;
  /** A datagram was dropped; figures by reason stand in `stats()`. */
  drop: (drop: DropEvent) => void;
  /** A queue was found full; once, until it has fallen to half. */
  overflow: (overflow: OverflowEvent) => void;
};

/**
 * Tells listeners, and never lets one of them hurt the endpoint: what it throws, or rejects with, becomes an
 * `error`.
 */
export class EndpointEvents {
  readonly #emitter = new EventEmitter({ captureRejections: true });

  /** @param onUnobserved takes errors while nobody listens for them */
  constructor(private readonly onUnobserved: (error: Error) => void) {
    Object.assign(this.#emitter, {
      // A listener for errors that fails must not be told of its own failure, over and over.
      [captureRejectionSymbol]: (error: Error, event: string) =>
        event === 'error' ? this.onUnobserved(error) : this.error(error),
    });
  }

  on<K extends keyof UdpEvents>(event: K, listener: UdpEvents[K]): void {
    if (!EVENT_NAMES.has(event)) {
      throw new TypeError(`there is no event '${event}'; events are ${[...EVENT_NAMES].join(', ')}`);
    }
    this.#emitter.on(event, listener);
  }

  has(event: keyof UdpEvents): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  emit<K extends Exclude<keyof UdpEvents, 'error'>>(event: K, ...args: Parameters<UdpEvents[K]>): void {
    try {
      this.#emitter.emit(event, ...args);
    } catch (error) {
      this.error(error as Error);
    }
  }

  error(error: Error): void {
    if (!this.has('error')) return this.onUnobserved(error);
    try {
      this.#emitter.emit('error', error);
    } catch (second) {
      this.onUnobserved(second as Error);
    }
  }
}

const EVENT_NAMES: ReadonlySet<string> = new Set<keyof UdpEvents>([
  'listening',
  'error',
  'close',
  'drop',
  'overflow',
]);
