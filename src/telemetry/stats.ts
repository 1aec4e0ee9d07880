import type { TrafficClassName } from '../common/traffic-class.js';
import type { TrafficStats } from './traffic-figures.js';

/** What waits. */
export interface BacklogStats {
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
  /** Milliseconds that the oldest queued datagram has waited. */
  readonly queueAgeMs: number;
}

/** A limit as it stands. */
export interface LimitStats {
  /** Bytes per second; `Infinity` when there is none. */
  readonly limitBytesPerSecond: number;
  readonly paused: boolean;
  /** Bytes that could pass at once; negative while in debt, `Infinity` when unlimited. */
  readonly tokens: number;
}

/** One traffic class of a direction. */
export interface ClassStats extends TrafficStats, BacklogStats {}

/** One peer in one direction: its limit, what waits of it, and what became of the rest since it was first asked for. */
export interface PeerStats extends TrafficStats, BacklogStats, LimitStats {}

/** The limit of one handler. */
export interface HandlerLimitStats extends LimitStats {
  /** Bytes that wait behind it. */
  readonly queuedBytes: number;
}

/**
 * One direction of an endpoint, since its start. Bytes are what datagrams cost, by the `overhead` option: the
 * payload, unless that says otherwise.
 */
export interface DirectionStats extends TrafficStats, BacklogStats, LimitStats {
  /** Mean over the last second, in whole tenths. */
  readonly bytesPerSecond1s: number;
  /** Mean over the last ten seconds, in whole tenths. */
  readonly bytesPerSecond10s: number;
  /** Bytes of rate that were lost while datagrams waited, because the event loop stalled or a timer was late. */
  readonly spilledBytes: number;
  /** How late the timer of the queue was: median of the last 1024 times, milliseconds. */
  readonly timerLatenessP50Ms: number;
  /** How late it was in one of a hundred times, milliseconds. */
  readonly timerLatenessP99Ms: number;
  /** Peers that are remembered for their limits. */
  readonly peers: number;
  readonly classes: Readonly<Record<TrafficClassName, ClassStats>>;
}

/** What the socket and its queues did. */
export interface EndpointStats {
  readonly state: 'idle' | 'bound' | 'closed';
  /** What moves the datagrams: `batch` or `node`; `undefined` before the socket is bound. */
  readonly driver: string | undefined;
  /** Why it is that one and not the batch driver; `undefined` where it is. */
  readonly driverReason: string | undefined;
  /** Where the socket is bound; `undefined` before. */
  readonly address: BoundAddress | undefined;
  readonly upload: DirectionStats;
  readonly download: DirectionStats;
  /** `undefined` where addresses need not prove themselves. */
  readonly validation: ValidationStats | undefined;
  /** What the kernel granted, in bytes; `undefined` before the socket is bound. */
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
  /**
   * Datagrams the kernel dropped for want of buffer space; Linux only, else `undefined`. With the batch driver up to 64
   * of one size that one peer sent in a row count as one, where the kernel has made one of them (`UDP_GRO`).
   */
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
  /** Retransmission, duplicates, streams and segments; `undefined` where the codec does not carry them. */
  readonly exchange: ExchangeStats | undefined;
}

/** Addresses that prove themselves; see the `addressValidation` option. */
export interface ValidationStats {
  /** Tokens sent to addresses that had not proved themselves. */
  readonly challenges: number;
  /** Addresses that have proved themselves by a token. */
  readonly proofs: number;
  /** Tokens that were forged, of another address, or too old. */
  readonly proofsRefused: number;
  /** Proven addresses that are remembered. */
  readonly provenPeers: number;
}

/** What it took to carry requests, replies and streams over a bad network; both sides of one socket. */
export interface ExchangeStats {
  /** Copies of requests and confirmable events beyond the first. */
  readonly retransmissions: number;
  /** Times we asked what became of a request or a stream. */
  readonly probes: number;
  /** Times we proved our address to a server. */
  readonly proofs: number;
  /** Times we said that a handler runs, or that its reply waits. */
  readonly pendings: number;
  /** Requests that were told to come back later. */
  readonly refusedBusy: number;
  /** Requests of peers that they gave up. */
  readonly cancelled: number;
  /** Requests and confirmable events that had been seen before; none of them ran again. */
  readonly duplicates: number;
  /** Of these, answered with the word that the handler runs. */
  readonly duplicatesPending: number;
  /** Of these, answered with the stored reply. */
  readonly duplicatesAnswered: number;
  /** Requests refused because they may have run: their record is gone, or they are of an earlier life. */
  readonly outcomesUnknown: number;
  /** Requests and streams given up because their client was silent. */
  readonly leasesExpired: number;
  /** Replies that were not sent, because nobody waits for them any more. */
  readonly unwantedReplies: number;
  /** Requests of addresses that had to prove themselves first: there was no room to take them unproven. */
  readonly refusedUnproven: number;
  /** Segments of large messages and streams handed out, copies included. */
  readonly segmentsSent: number;
  /** Of these, copies beyond the first. */
  readonly segmentsRetransmitted: number;
  /** Segments that arrived and were taken. */
  readonly segmentsReceived: number;
  /** Segments that arrived again. */
  readonly segmentsRepeated: number;
  /** Segments without room, or that contradict their run. */
  readonly segmentsRefused: number;
  /** Acknowledgements sent. */
  readonly acknowledgements: number;
  /** Acknowledgements of peers that belong to nothing known here, and frames that only clients may get. */
  readonly unknownFrames: number;

  /** Requests of ours in line for a place among those in flight. */
  readonly waiting: number;
  /** Requests of peers that run, or whose reply waits to leave. */
  readonly running: number;
  /** Requests of peers that are remembered. */
  readonly stored: number;
  /** Bytes of stored replies. */
  readonly storedBytes: number;
  /** Requests of addresses that must prove themselves first: they run, or their answers are kept back. */
  readonly unproven: number;
  /** Runs of segments that are open, in both directions. */
  readonly streams: number;
  /** Bytes of messages that are here in part. */
  readonly reassemblyBytes: number;
  /** Bytes of large replies and streams that have not arrived. */
  readonly undeliveredBytes: number;
  /** Peers whose round trip is remembered. */
  readonly peers: number;
}

/** What the handlers did. */
export interface HandlerStats {
  /** Handlers and reply streams that run now. */
  readonly running: number;
  /** Packets that wait because `maxConcurrentHandlers` run. */
  readonly waiting: number;
  /** What these take of `maxWaitingBytes`. */
  readonly waitingBytes: number;
  /** Requests that no handler takes. */
  readonly unhandledRequests: number;
  /** Events and raw datagrams that no handler takes. */
  readonly unhandledEvents: number;
  /** Requests, events and raw datagrams refused because the transport is closing. */
  readonly refusedClosing: number;
  /** Requests refused because what waits to leave takes longer than `queue.busyAfter`. */
  readonly refusedBusy: number;
  /** Requests, events and raw datagrams refused because `maxConcurrentHandlers` run and `maxWaitingBytes` wait. */
  readonly refusedFull: number;
  /** Requests and confirmable events whose client no longer waited when their turn came: they did not run. */
  readonly tooLate: number;
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
