/**
 * Root of every error this package throws or rejects with.
 *
 * `code` is stable and meant for programs, `message` is one sentence for people, `cause` keeps the origin.
 */
export abstract class ThrottledUdpError extends Error {
  /** Stable identifier, such as `UDP_QUEUE_OVERFLOW`. */
  abstract readonly code: string;
}
