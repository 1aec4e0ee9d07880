import type { GoneReason, SegmentFrame } from '../codec/frame.js';
import type { EventPacket, RequestPacket, RequestStamp } from '../codec/packet.js';
import type { PeerPath } from '../exchange/peer-path.js';
import type { InboundDatagram } from './downlink.js';
import { readMessage, type ExchangeParts } from './exchange-parts.js';
import { IncomingRun, type RunSink } from './incoming-run.js';

/** A request or a confirmable event that carries a stamp. */
export type StampedQuestion = (RequestPacket | EventPacket) & { readonly stamp: RequestStamp };

/** What names a question among those of all clients: client instance and id. */
export function keyOf(packet: StampedQuestion): string {
  return packet.stamp.client + idOf(packet);
}

export function idOf(packet: StampedQuestion): string {
  return packet.kind === 'request' ? (packet.id as string) : (packet.stamp.eventId ?? '');
}

/** Whose it is, and which of theirs. */
export type FrameName = Pick<SegmentFrame, 'id' | 'client'>;

/** What becomes of messages that arrive in part. */
export interface AssemblyEvents {
  /** A question is whole: in a datagram as if it had come in one. */
  onComplete(packet: StampedQuestion, datagram: InboundDatagram): void;
  /** No segment of it came for too long: it was forgotten, and never ran. */
  onForgotten(name: FrameName, datagram: InboundDatagram): void;
}

/** Large requests and confirmable events of which a part is here. */
export class RequestAssembly {
  readonly #byKey = new Map<string, PartialRequest>();

  constructor(
    private readonly parts: ExchangeParts,
    private readonly events: AssemblyEvents,
  ) {}

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Messages that are here in part. */
  get size(): number {
    return this.#byKey.size;
  }

  /** @returns why the message is not taken, when it is not */
  receive(frame: SegmentFrame, key: string, datagram: InboundDatagram): GoneReason | undefined {
    let request = this.#byKey.get(key);
    if (request === undefined) {
      const { peer, receivedAtMs } = datagram;
      const path = this.parts.paths.hold(peer, receivedAtMs);
      if (!this.parts.budget.tryTake(path, REQUEST_COST_BYTES)) {
        path.release(receivedAtMs);
        return 'overflow';
      }
      const { parts, events } = this;
      request = new PartialRequest(parts, path, key, frame, datagram, events, () => this.#byKey.delete(key));
      this.#byKey.set(key, request);
    }
    return request.receive(frame, datagram);
  }

  /** Its client has given it up. */
  forget(key: string): void {
    this.#byKey.get(key)?.end();
  }

  close(): void {
    for (const request of this.#byKey.values()) request.end();
  }
}

class PartialRequest implements RunSink {
  readonly #run: IncomingRun;
  readonly #name: FrameName;
  /** The last one that has brought a part of it. */
  #datagram: InboundDatagram;
  #refusal: GoneReason | undefined;
  #isOver = false;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly path: PeerPath,
    private readonly key: string,
    { id, client }: SegmentFrame,
    datagram: InboundDatagram,
    private readonly events: AssemblyEvents,
    private readonly onOver: () => void,
  ) {
    this.#name = { id, client };
    this.#datagram = datagram.withoutData();
    const name = { id, client: undefined, peer: datagram.peer };
    this.#run = new IncomingRun(parts, path, name, this, datagram.receivedAtMs);
  }

  receive(frame: SegmentFrame, datagram: InboundDatagram): GoneReason | undefined {
    this.#datagram = datagram.withoutData();
    this.#run.receive(frame, datagram.receivedAtMs);
    return this.#refusal;
  }

  onMessage(message: Uint8Array, isEnd: boolean): void {
    const packet = this.#read(message);
    if (packet === undefined || !isEnd || keyOf(packet) !== this.key) return this.onBroken('broken');
    const data = Buffer.from(message.buffer, message.byteOffset, message.length);
    const datagram = this.#datagram.with(data);
    this.end();
    this.events.onComplete(packet, datagram);
  }

  onBroken(reason: 'too-large' | 'broken'): void {
    this.#refusal = reason === 'too-large' ? reason : 'failed';
    this.parts.endpoint.countDrop(this.#datagram, `malformed: ${reason} segments`);
    this.end();
  }

  onStale(): void {
    this.parts.endpoint.countDrop(this.#datagram, 'expired');
    this.end();
    this.events.onForgotten(this.#name, this.#datagram);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#run.close();
    const { path, parts } = this;
    parts.budget.giveBack(path, REQUEST_COST_BYTES);
    path.release(parts.scheduler.now());
    this.onOver();
  }

  #read(message: Uint8Array): StampedQuestion | undefined {
    const packet = readMessage(this.parts, message, this.#datagram.peer);
    if (packet?.kind !== 'request' && packet?.kind !== 'event') return undefined;
    return packet.stamp === undefined ? undefined : { ...packet, stamp: packet.stamp };
  }
}

// What the state of one takes, about: many that are begun and left alone must not be free.
const REQUEST_COST_BYTES = 1024;
