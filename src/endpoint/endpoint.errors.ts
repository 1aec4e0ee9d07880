import type { PeerAddress } from '../common/peer-address.js';
import { ThrottledUdpError } from '../common/throttled-udp.error.js';

/** The queue in front of the upload limit is full: send later, send less, or raise `queue.maxBytes`. */
export class QueueOverflowError extends ThrottledUdpError {
  override readonly name = 'QueueOverflowError';
  readonly code = 'UDP_QUEUE_OVERFLOW';

  constructor(
    readonly peer: PeerAddress,
    readonly queuedBytes: number,
    readonly limitBytes: number,
    readonly queuedDatagrams: number,
  ) {
    super(
      `send queue for ${peer} is full: ${queuedDatagrams} datagrams, ${queuedBytes} of ${limitBytes} bytes`,
    );
  }
}

/** The datagram could not leave within `queue.maxAge` at the present rate and backlog. */
export class QueueTimeoutError extends ThrottledUdpError {
  override readonly name = 'QueueTimeoutError';
  readonly code = 'UDP_QUEUE_TIMEOUT';

  constructor(
    readonly peer: PeerAddress,
    readonly queuedBytes: number,
    readonly maxAgeMs: number,
  ) {
    super(`a datagram for ${peer} cannot leave within ${maxAgeMs} ms behind ${queuedBytes} queued bytes`);
  }
}

/**
 * The datagram was dropped from the queue, as a network would drop it: the queue was full and its policy is not
 * `reject`, or active queue management found that it stands. `reason` is `overflow` or `aqm`.
 */
export class DatagramDroppedError extends ThrottledUdpError {
  override readonly name = 'DatagramDroppedError';
  readonly code = 'UDP_DATAGRAM_DROPPED';

  constructor(
    readonly peer: PeerAddress,
    readonly reason: 'overflow' | 'aqm',
  ) {
    super(`a datagram for ${peer} was dropped from the send queue: ${reason}`);
  }
}

/** A message is larger than one datagram, or all its segments, may be. */
export class MessageTooLargeError extends ThrottledUdpError {
  override readonly name = 'MessageTooLargeError';
  readonly code = 'UDP_MESSAGE_TOO_LARGE';

  /** @param what whose bound it is: a datagram's, or that of messages in segments */
  constructor(
    readonly bytes: number,
    readonly limitBytes: number,
    what: 'a datagram' | 'a message in segments' = 'a datagram',
  ) {
    super(`message of ${bytes} bytes is larger than ${what} of at most ${limitBytes} bytes`);
  }
}

/** A reply was not sent: whoever asked for it has stopped waiting. */
export class NobodyWaitsError extends ThrottledUdpError {
  override readonly name = 'NobodyWaitsError';
  readonly code = 'UDP_NOBODY_WAITS';

  constructor(readonly peer: PeerAddress) {
    super(`a datagram for ${peer} was not sent: nobody waits for it any more`);
  }
}

/**
 * An answer was not sent: its address has not proved that it receives what is sent there, and has sent too little
 * to be sent so much (`amplificationFactor`).
 */
export class UnprovenAddressError extends ThrottledUdpError {
  override readonly name = 'UnprovenAddressError';
  readonly code = 'UDP_UNPROVEN_ADDRESS';

  constructor(
    readonly peer: PeerAddress,
    readonly bytes: number,
  ) {
    super(`an answer of ${bytes} bytes was not sent to ${peer}, which has sent too little for so much`);
  }
}

/** The kernel refused a datagram; `errno` is its word (`EACCES`, `EINVAL`, `EMSGSIZE`, ...). */
export class SendFailedError extends ThrottledUdpError {
  override readonly name = 'SendFailedError';
  readonly code = 'UDP_SEND_FAILED';
  readonly errno: string;

  constructor(
    readonly peer: PeerAddress,
    cause: unknown,
  ) {
    const errno = errnoOf(cause);
    super(`cannot send to ${peer}: ${errno}${HINTS[errno] ?? ''}`, { cause });
    this.errno = errno;
  }
}

/** The socket could not be opened at the address asked for; `errno` is the kernel's word (`EADDRINUSE`, ...). */
export class BindError extends ThrottledUdpError {
  override readonly name = 'BindError';
  readonly code = 'UDP_BIND_FAILED';
  readonly errno: string;

  constructor(
    readonly host: string,
    readonly port: number,
    cause: unknown,
  ) {
    const errno = errnoOf(cause);
    super(`cannot bind ${host}:${port}: ${errno}${HINTS[errno] ?? ''}`, { cause });
    this.errno = errno;
  }
}

/** The driver that was asked for is not to be had on this machine; `reason` tells why. */
export class DriverUnavailableError extends ThrottledUdpError {
  override readonly name = 'DriverUnavailableError';
  readonly code = 'UDP_DRIVER_UNAVAILABLE';

  constructor(
    readonly driver: string,
    readonly reason: string,
    cause: unknown,
  ) {
    super(`the ${driver} driver cannot be used: ${reason}`, { cause });
  }
}

/** A host name has no address of the socket's family. */
export class HostNotFoundError extends ThrottledUdpError {
  override readonly name = 'HostNotFoundError';
  readonly code = 'UDP_HOST_NOT_FOUND';

  constructor(
    readonly host: string,
    cause: unknown,
  ) {
    super(`cannot find the address of ${host}: ${errnoOf(cause)}`, { cause });
  }
}

/** The endpoint is closed, or closed while this was under way. */
export class EndpointClosedError extends ThrottledUdpError {
  override readonly name = 'EndpointClosedError';
  readonly code = 'UDP_ENDPOINT_CLOSED';

  constructor() {
    super('the UDP endpoint is closed');
  }
}

/** Nobody answered in time. Whether the handler ran is not known, unless `phase` is `'line'`. */
export class RequestTimeoutError extends ThrottledUdpError {
  override readonly name = 'RequestTimeoutError';
  readonly code = 'UDP_REQUEST_TIMEOUT';

  /**
   * @param peer `host:port` when the time was over before its address was known
   * @param values replies that had arrived before the silence; 0 unless the answer was a stream
   * @param attempts copies of the request that left, or tried to
   * @param phase how far it came: it waited in line here, nobody said a word (`silent`), the peer was working
   *   on it (`running`), or a stream stopped (`stream`)
   */
  constructor(
    readonly peer: PeerAddress | string,
    readonly timeoutMs: number,
    readonly values: number,
    readonly attempts = 1,
    readonly phase: 'line' | 'silent' | 'running' | 'stream' = values === 0 ? 'silent' : 'stream',
  ) {
    super(
      values === 0
        ? `no reply from ${peer} within ${timeoutMs} ms${PHASES[phase]}`
        : `no further reply from ${peer} within ${timeoutMs} ms, after ${values}`,
    );
  }
}

/**
 * The peer had the request, or may have had it, and cannot say any more what became of it: it was restarted, or
 * has forgotten. The handler has run once or not at all; only the application can find out which.
 */
export class OutcomeUnknownError extends ThrottledUdpError {
  override readonly name = 'OutcomeUnknownError';
  readonly code = 'UDP_OUTCOME_UNKNOWN';

  constructor(readonly peer: PeerAddress) {
    super(`${peer} cannot say what became of the request: it may have run once, or not at all`);
  }
}

/** The peer was too busy to take the request, until its time was up. The handler has not run. */
export class PeerBusyError extends ThrottledUdpError {
  override readonly name = 'PeerBusyError';
  readonly code = 'UDP_BUSY';

  constructor(
    readonly peer: PeerAddress,
    readonly retryAfterMs: number,
    readonly attempts: number,
  ) {
    super(`${peer} is busy: refused ${attempts} times, the last time for another ${retryAfterMs} ms`);
  }
}

/** A stream or a large request ended before its end: the peer has not heard of this side for too long. */
export class StreamLostError extends ThrottledUdpError {
  override readonly name = 'StreamLostError';
  readonly code = 'UDP_STREAM_LOST';

  /** @param values values that had arrived before */
  constructor(
    readonly peer: PeerAddress,
    readonly values: number,
  ) {
    super(
      `${peer} has given the request up after ${values} values: it has not heard of this side for too long`,
    );
  }
}

/** The caller has given the request up, by its signal; `cause` is the reason that the signal gives. */
export class RequestAbortedError extends ThrottledUdpError {
  override readonly name = 'RequestAbortedError';
  readonly code = 'UDP_REQUEST_ABORTED';

  constructor(cause: unknown) {
    super('the request was aborted by its signal', { cause });
  }
}

/** More requests wait for replies than `maxPendingRequests` allows, or in line for one peer than `maxWaiting`. */
export class TooManyRequestsError extends ThrottledUdpError {
  override readonly name = 'TooManyRequestsError';
  readonly code = 'UDP_TOO_MANY_REQUESTS';

  constructor(readonly limit: number) {
    super(`${limit} requests wait for replies already`);
  }
}

/** `perPeer.maxPeers` peers owe bytes or have limits of their own: there is no room for one more such limit. */
export class TooManyPeersError extends ThrottledUdpError {
  override readonly name = 'TooManyPeersError';
  readonly code = 'UDP_TOO_MANY_PEERS';

  constructor(readonly peers: number) {
    super(`${peers} peers are remembered already, none of which can be forgotten`);
  }
}

/** The peer's machine answered that nobody listens there. Connected sockets only: others are not told. */
export class PeerUnreachableError extends ThrottledUdpError {
  override readonly name = 'PeerUnreachableError';
  readonly code = 'UDP_PEER_UNREACHABLE';

  constructor(
    readonly peer: PeerAddress,
    cause: unknown,
  ) {
    super(`nobody listens at ${peer}: ${errnoOf(cause)}`, { cause });
  }
}

/**
 * The transport at the other side, not an application, ended the request. `code` tells why:
 * `UDP_NO_HANDLER`, `UDP_CLOSING`, `UDP_TOO_LARGE`, `UDP_OVERFLOW`, or a later word.
 */
export class PeerRefusedError extends ThrottledUdpError {
  override readonly name = 'PeerRefusedError';
  readonly code: string;

  /** @param wireCode the reason as it stood in the reply */
  constructor(
    readonly peer: PeerAddress,
    readonly wireCode: string,
    text: string,
  ) {
    super(`${peer} refused the request: ${text}`);
    this.code = `UDP_${wireCode.slice(0, 40).toUpperCase().replaceAll('-', '_')}`;
  }
}

/** The kernel's or Node's word for an error; errors of Node's core may fail `instanceof`, so ask for `code`. */
export function errnoOf(cause: unknown): string {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message ?? cause);
}

const PHASES = {
  line: ': it has waited in line behind others',
  silent: '',
  running: ': its handler was still running',
  stream: '',
} as const;

const HINTS: Readonly<Record<string, string>> = {
  EACCES: ' (permission denied; broadcast addresses need socket.broadcast: true)',
  EADDRINUSE: ' (another socket has the port)',
  EADDRNOTAVAIL: ' (no such address on this machine)',
  EINVAL: ' (an address of the other family: IPv4 and IPv6 need a socket of their type)',
  EMSGSIZE: ' (larger than the path or the protocol allows)',
};
