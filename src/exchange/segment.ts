/** What the receiver of a run has. */
export interface Acknowledgement {
  /** Every segment before this number. */
  readonly next: number;
  /** Segments from `next` on that there is room for. */
  readonly window: number;
  /** Bit i, lowest of the first byte first: segment `next + 1 + i`. */
  readonly bitmap: Uint8Array;
}

/** Told when the last segment of a message has left for the first time. */
export interface MessageFate {
  left(nowMs: number): void;
}

/** A piece of a message on its way. */
export interface Segment {
  readonly seq: number;
  readonly payload: Uint8Array;
  /** A message of so many bytes begins. */
  readonly messageBytes: number | undefined;
  /** A message ends. */
  readonly isLast: boolean;
  /** The run ends. */
  readonly isEnd: boolean;
  /** Whoever sent it waits for an acknowledgement before it goes on. */
  wantsAck: boolean;
  /** It was handed out before. */
  readonly isCopy: boolean;
}

/** In place of a number: the receiver has the whole run, or wants nothing more of it. */
export const WHOLE_RUN = 0xffffffff;
