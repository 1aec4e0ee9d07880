import type { PacketId, RawPacket, ReplyPacket, TransportCode } from '../codec/packet.js';

/** How the outcome of a handler is said to the peer that asked. `undefined`: nothing is said. */
export interface ReplyForm {
  /** @param isLast nothing follows the value */
  value(response: unknown, isLast: boolean): ReplyPacket | RawPacket | undefined;
  /** The end of a stream, when its last value has been said already. */
  end(): ReplyPacket | RawPacket | undefined;
  /** The handler failed with `err`, as Nest's exception filters gave it. */
  failure(err: unknown): ReplyPacket | RawPacket | undefined;
  /** The transport, not the handler, ends the request. */
  refusal(code: TransportCode, text: string): ReplyPacket | RawPacket | undefined;
}

/** Replies to a request: each carries its id. */
export class RequestReplies implements ReplyForm {
  constructor(private readonly id: PacketId) {}

  value(response: unknown, isDisposed: boolean): ReplyPacket {
    return { kind: 'reply', id: this.id, response, isDisposed };
  }

  end(): ReplyPacket {
    return { kind: 'reply', id: this.id, isDisposed: true };
  }

  failure(err: unknown): ReplyPacket {
    return { kind: 'reply', id: this.id, err: sayable(err), status: 'error', isDisposed: true };
  }

  refusal(code: TransportCode, text: string): ReplyPacket {
    return { kind: 'reply', id: this.id, err: text, status: 'error', code, isDisposed: true };
  }
}

/** Replies to a raw datagram: each defined value is one, and there is no word for anything else. */
export class RawReplies implements ReplyForm {
  value(data: unknown): RawPacket | undefined {
    return data === undefined ? undefined : { kind: 'raw', data };
  }

  end(): undefined {}

  failure(): undefined {}

  refusal(): undefined {}
}

/** Answers nobody: an event. */
export class NoReplies implements ReplyForm {
  value(): undefined {}

  end(): undefined {}

  failure(): undefined {}

  refusal(): undefined {}
}

/** An error as every codec can say it: an Error has no enumerable fields, and a falsy one reads as success. */
function sayable(err: unknown): unknown {
  if (err instanceof Error) return { status: 'error', message: err.message };
  return err || { status: 'error', message: String(err) };
}
