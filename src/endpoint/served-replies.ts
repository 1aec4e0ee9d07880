import type { ReplyPacket } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import { isLast } from './asking.js';
import { QueueOverflowError } from './endpoint.errors.js';
import { checkSize, type ExchangeParts } from './exchange-parts.js';
import { OutgoingRun } from './outgoing-run.js';
import { REFUSAL_PASSAGE } from './passage.js';
import type { Served } from './served.js';
import type { Fate } from './uplink.js';

/** What the sender of replies tells the serving half. */
export interface ReplyEvents {
  /** A stream, or a large reply, begins. */
  onStream(served: Served): void;
  /** All of it has arrived, or the client wants nothing more of it. */
  onDelivered(served: Served, nowMs: number): void;
}

/** Sends replies: a single one that fits in a datagram of its own, whatever else as a run of segments. */
export class ServedReplies {
  constructor(
    private readonly parts: ExchangeParts,
    private readonly events: ReplyEvents,
  ) {}

  /**
   * @throws {MessageTooLargeError} more than segments may carry
   * @throws whatever the codec throws when it cannot say the packet
   */
  send(served: Served, packet: ReplyPacket, fate: Fate | undefined): void {
    if (!served.isOpen) return fate?.left(this.parts.scheduler.now());
    let message: Uint8Array | undefined;
    if (served.run === undefined && isLast(packet)) {
      const body = this.#encodeStamped(packet, served);
      if (checkSize(this.parts, body.length)) return this.#sendAlone(served, packet, body, fate);
      message = this.parts.codec.unstamp?.(body);
    }
    message ??= this.#encode(packet, served.peer);
    checkSize(this.parts, message.length);
    served.run ??= this.#openRun(served);
    if (served.run.push(message, isLast(packet), fate)) return;
    const limitBytes = this.parts.limits.streamBufferBytes;
    fate?.dropped(new QueueOverflowError(served.peer, limitBytes, limitBytes, 0));
  }

  /** Sends a kept reply again. @param attempt the copy that it answers */
  sendAgain(served: Served, attempt: number, receivedMs: number): void {
    if (served.body === undefined) return;
    served.state = 'replying';
    served.attempt = attempt;
    served.receivedMs = receivedMs;
    this.parts.endpoint.answer(served.body, served.peer, served, served.passage);
  }

  /** Writes attempt and time held into a reply that leaves. */
  restamp({ body, attempt, receivedMs }: Served, nowMs: number): void {
    if (body === undefined) return;
    const { codec, epoch } = this.parts;
    codec.restamp(body, { epoch, attempt, heldMs: nowMs - receivedMs });
  }

  #sendAlone(served: Served, packet: ReplyPacket, body: Uint8Array, fate: Fate | undefined): void {
    served.state = 'replying';
    served.fate = fate;
    served.body = body;
    const passage = packet.code === undefined ? served.passage : REFUSAL_PASSAGE;
    this.parts.endpoint.answer(body, served.peer, served, passage);
  }

  #openRun(served: Served): OutgoingRun {
    const { parts, events } = this;
    const path = parts.paths.hold(served.peer, parts.scheduler.now());
    served.state = 'streaming';
    served.path = path;
    events.onStream(served);
    const { id, peer, passage } = served;
    const name = { id, client: undefined, peer, passage };
    const onDone = (nowMs: number): void => events.onDelivered(served, nowMs);
    const { streamBufferBytes } = parts.limits;
    return new OutgoingRun(parts, path, name, streamBufferBytes, onDone, parts.deliveries.roomOf(path));
  }

  #encodeStamped(packet: ReplyPacket, { attempt, peer }: Served): Uint8Array {
    // Written out: a copy by `...packet`, which has several forms, took a tenth of a whole request.
    const { kind, id, response, err, status, isDisposed, code } = packet;
    const stamp = { epoch: this.parts.epoch, attempt, heldMs: 0 };
    return this.#encode({ kind, id, response, err, status, isDisposed, code, stamp }, peer);
  }

  #encode(packet: ReplyPacket, peer: PeerAddress): Uint8Array {
    const { codec, limits, memory } = this.parts;
    const bytes = codec.encode(packet, {
      peer,
      maxBytes: limits.maxMessageBytes,
      allocate: memory.take,
    });
    if (bytes === undefined) throw new TypeError(`the ${codec.name} codec does not say this reply`);
    return bytes;
  }
}
