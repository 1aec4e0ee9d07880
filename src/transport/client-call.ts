import type { WritePacket } from '@nestjs/microservices';
import type { Placed, PlacedSet } from '../common/placed-set.js';
import { RequestAbortedError } from '../endpoint/endpoint.errors.js';

/** A `send` of a client, from the subscription to the last reply. */
export class ClientCall implements Placed {
  place = -1;
  /** Tells the peer, if it has heard of the call, that nobody waits. */
  giveUp: () => void = ignore;
  /** The last of the replies that an asynchronous deserializer works on. */
  before: Promise<void> | undefined;
  #forgetSignal: () => void = ignore;
  #isOver = false;

  /** @param inFlight it is one of these until it is over */
  constructor(
    private readonly callback: (packet: WritePacket) => void,
    private readonly inFlight: PlacedSet<ClientCall>,
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

  /** It has failed; what comes after that is not told. */
  fail(error: unknown): void {
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
