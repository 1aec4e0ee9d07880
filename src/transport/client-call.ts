import type { WritePacket } from '@nestjs/microservices';
import type { Placed, PlacedSet } from '../common/placed-set.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { ReplyPacket } from '../codec/packet.js';
import type { Answer } from '../endpoint/asking.js';
import { RequestAbortedError } from '../endpoint/endpoint.errors.js';

/** A `send` of a client, from the subscription to the last reply. */
export class ClientCall implements Placed, Answer {
  place = -1;
  /** Whom it asks, once that is known. */
  peer: PeerAddress | undefined;
  /** Tells the peer, if it has heard of the call, that nobody waits. */
  giveUp: () => void = ignore;
  /** The last of the replies that an asynchronous deserializer works on. */
  before: Promise<void> | undefined;
  #forgetSignal: () => void = ignore;
  #isOver = false;

  /**
   * @param inFlight it is one of these until it is over
   * @param onReply reads each reply, and tells the call what it says
   */
  constructor(
    private readonly callback: (packet: WritePacket) => void,
    private readonly inFlight: PlacedSet<ClientCall>,
    private readonly onReply: (reply: ReplyPacket, call: ClientCall) => void,
  ) {
    inFlight.add(this);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** One reply of several. */
  tell(packet: WritePacket): void {
    if (!this.#isOver) this.callback(packet);
  }

  /** The last reply, or a failure; what comes after it is not told. */
  settle(packet: WritePacket): void {
    if (this.#end()) this.callback(packet);
  }

  reply(packet: ReplyPacket): void {
    this.onReply(packet, this);
  }

  /** What comes after it is not told. */
  failed(error: unknown): void {
    this.settle({ err: error, isDisposed: true });
  }

  /** Nobody subscribes any more. Nest also says so when a call has ended by itself. */
  cancel(): void {
    if (this.#end()) this.giveUp();
  }

  /** Gives the call up when a signal is aborted. */
  heed(signal: AbortSignal | undefined): void {
    if (signal === undefined || this.#isOver) return;
    const abort = (): void => {
      this.giveUp();
      this.settle({ err: new RequestAbortedError(signal.reason), isDisposed: true });
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    // A signal may outlive many calls: it must not hold on to them.
    this.#forgetSignal = () => signal.removeEventListener('abort', abort);
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#forgetSignal();
    this.inFlight.delete(this);
    return true;
  }
}

function ignore(): void {}
