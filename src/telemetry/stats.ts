import type { DropCount } from './drop-counters.js';

/** One direction of an endpoint. Rates and limits in bytes of payload per second. */
export interface DirectionStats {
  /** Bytes that went through since the start. */
  readonly bytes: number;
  /** Datagrams that went through since the start. */
  readonly datagrams: number;
  /** Mean over the last second, in whole tenths. */
  readonly bytesPerSecond1s: number;
  /** Mean over the last ten seconds, in whole tenths. */
  readonly bytesPerSecond10s: number;
  /** The limit; `Infinity` when there is none. */
  readonly limitBytesPerSecond: number;
  readonly paused: boolean;
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
  /** Milliseconds that the oldest queued datagram has waited. */
  readonly queueAgeMs: number;
  /** Bytes that could pass at once; negative while in debt, `Infinity` when unlimited. */
  readonly tokens: number;
  /** What was not passed on, by reason. */
  readonly drops: Readonly<Record<string, DropCount>>;
}

/** What the socket and its queues did. */
export interface EndpointStats {
  readonly state: 'idle' | 'bound' | 'closed';
  /** Which implementation moves the datagrams. */
  readonly driver: string;
  /** Where the socket is bound; `undefined` before. */
  readonly address: BoundAddress | undefined;
  readonly upload: DirectionStats;
  readonly download: DirectionStats;
  /** What the kernel granted, in bytes; `undefined` before the socket is bound. */
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
  /** Datagrams the kernel dropped for want of buffer space; Linux only, else `undefined`. */
  readonly kernelDrops: number | undefined;
}

/** What the packets in those datagrams were. */
export interface PacketStats {
  /** Requests that arrived. */
  readonly requests: number;
  /** Events that arrived. */
  readonly events: number;
  /** Raw packets that arrived. */
  readonly raw: number;
  /** Replies that arrived and belonged to a request of ours. */
  readonly replies: number;
  /** Replies that belonged to none: late, repeated or made up. */
  readonly unknownReplies: number;
  /** Replies with the id of a request that another address was asked. */
  readonly foreignReplies: number;
  /** Requests of ours that wait for a reply. */
  readonly inFlight: number;
  /** Requests of ours that nobody answered in time. */
  readonly timeouts: number;
}

/** What the handlers did. */
export interface HandlerStats {
  /** Handlers and reply streams that run now. */
  readonly running: number;
  /** Requests that no handler takes. */
  readonly unhandledRequests: number;
  /** Events and raw datagrams that no handler takes. */
  readonly unhandledEvents: number;
  /** Requests, events and raw datagrams refused because the transport is closing. */
  readonly refusedClosing: number;
  /** Handlers that failed with an error. */
  readonly failures: number;
  /** Replies that could not be sent. */
  readonly lostReplies: number;
}

/** Where a socket is bound. */
export interface BoundAddress {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
}
