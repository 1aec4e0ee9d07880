import type { ReplyPacket, RequestPacket } from '../codec/packet.js';

/** What a request of ours asks. */
export type Question = Pick<RequestPacket, 'pattern' | 'data' | 'metadata'>;

/** What becomes of a request of ours. */
export interface Answer {
  /** A reply; none follows one with an `err` or a `code`, or that `isDisposed`. */
  reply(packet: ReplyPacket): void;
  /** Nothing more will come. */
  failed(error: Error): void;
}

export interface RequestTimes {
  /** Milliseconds until the first value must be here. */
  readonly timeoutMs: number;
  /** From when on they count, monotonic milliseconds. @default now */
  readonly sinceMs?: number;
  /** Milliseconds from one value of a stream to the next; `Infinity` waits for ever. */
  readonly streamTimeoutMs: number;
}

/** Whether nothing follows a reply. */
export function isLast({ isDisposed, err, code }: ReplyPacket): boolean {
  return isDisposed === true || code !== undefined || (err !== undefined && err !== null);
}
