import { Fifo } from '../common/fifo.js';
import type { HeldMessage } from './held-messages.js';
import type { MessageFate, Segment } from './segment.js';

/** What of a segment the message that it is cut from says. */
export interface Piece extends Pick<Segment, 'payload' | 'messageBytes' | 'isLast' | 'isEnd'> {
  /** Told when it leaves: of the last piece of a message. */
  readonly fate: MessageFate | undefined;
  /** The message that it is of. */
  readonly held: HeldMessage | undefined;
}

/**
 * Messages that are cut into pieces one by one, in order. A large one of which nobody takes the pieces is one array of
 * bytes, not as many objects as it has pieces.
 */
export class MessageCutter {
  readonly #messages = new Fifo<UncutMessage>();

  /** @param pieceBytes of all pieces of a message but the last */
  constructor(private readonly pieceBytes: number) {}

  /** @param message its bytes, 0 or more; must not change any more */
  push(message: Uint8Array, isEnd: boolean, fate: MessageFate | undefined, held?: HeldMessage): void {
    this.#messages.push({ message, at: 0, isEnd, fate, held });
  }

  /** How many pieces a message is; an empty one is one empty piece. */
  piecesOf(messageBytes: number): number {
    return Math.max(1, Math.ceil(messageBytes / this.pieceBytes));
  }

  /** The next piece; `undefined` when all are cut. */
  cut(): Piece | undefined {
    const uncut = this.#messages.peek();
    if (uncut === undefined) return undefined;
    const { message, at, isEnd, fate, held } = uncut;
    const next = at + this.pieceBytes;
    const isLast = next >= message.length;
    if (isLast) this.#messages.shift();
    else uncut.at = next;
    return {
      payload: message.subarray(at, next),
      messageBytes: at === 0 ? message.length : undefined,
      isLast,
      isEnd: isLast && isEnd,
      fate: isLast ? fate : undefined,
      held,
    };
  }

  /** Lets go of all that is not cut. @returns whom to tell */
  clear(): MessageFate[] {
    const fates: MessageFate[] = [];
    for (let uncut = this.#messages.shift(); uncut !== undefined; uncut = this.#messages.shift()) {
      if (uncut.fate !== undefined) fates.push(uncut.fate);
    }
    return fates;
  }
}

interface UncutMessage {
  readonly message: Uint8Array;
  /** Where the next piece begins. */
  at: number;
  readonly isEnd: boolean;
  readonly fate: MessageFate | undefined;
  readonly held: HeldMessage | undefined;
}
