import { ThrottledUdpError } from '../common/throttled-udp.error.js';

/**
 * Bytes that are not of a codec's protocol. Thrown by {@link DatagramCodec.decode}; the endpoint counts it by
 * `reason` and drops the datagram, so it never reaches a user's code.
 */
export class MalformedDatagramError extends ThrottledUdpError {
  override readonly name = 'MalformedDatagramError';
  readonly code = 'UDP_MALFORMED_DATAGRAM';

  /** @param reason a few fixed words, never text of the peer's: it becomes the name of a counter */
  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`malformed datagram: ${reason}`, options);
  }
}
