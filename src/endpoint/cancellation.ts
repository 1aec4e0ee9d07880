import type { PeerAddress } from '../common/peer-address.js';
import type { PeerPath } from '../exchange/peer-path.js';
import { Timed } from './deadlines.js';
import { postFrame, type ExchangeParts } from './exchange-parts.js';
import type { Fate } from './uplink.js';

/** Tells a peer that nobody waits for a request any more, until it has said that it knows, or three times. */
export class Cancellation extends Timed implements Fate {
  #attempts = 0;
  #isOver = false;

  /** @param onOver called once */
  constructor(
    private readonly parts: ExchangeParts,
    readonly id: string,
    readonly peer: PeerAddress,
    private readonly path: PeerPath,
    private readonly onOver: (cancellation: Cancellation) => void,
  ) {
    super();
    path.hold();
    this.#send();
  }

  onDue(): void {
    if (this.#attempts < MAX_ATTEMPTS) this.#send();
    else this.end();
  }

  left(nowMs: number): void {
    if (!this.#isOver) this.parts.deadlines.aim(this, nowMs + this.path.rtt.backedOffMs(this.#attempts));
  }

  dropped(): void {
    this.end();
  }

  /** The peer knows, or it does not matter any more. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.parts.deadlines.cancel(this);
    this.path.release(this.parts.scheduler.now());
    this.onOver(this);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  #send(): void {
    this.#attempts++;
    const { client } = this.parts;
    postFrame(this.parts, { kind: 'cancel', id: this.id, client, epoch: this.path.epoch }, this.peer, this);
  }
}

// Without it a stream ends when its lease does: three times is enough.
const MAX_ATTEMPTS = 3;
