import type { DatagramSocketEvents, ReceivedDatagram } from './datagram-socket.js';
import { Portion } from './portion.js';
import { afterRest } from './rest.js';

/**
 * Hands the datagrams of one batch on, a few at a time, and lets what these began come to rest before the next:
 * whoever watches how long a turn takes must see it.
 */
export class PortionFeed {
  readonly #portion = new Portion();
  #batch: readonly ReceivedDatagram[] = NOTHING;
  /** How many of it are handed on, and when the last ones were. */
  #handed = 0;
  #handedMs = 0;

  /** @param onEnd called when all of a batch of so many have come to rest; the next may begin */
  constructor(
    private readonly events: Pick<DatagramSocketEvents, 'onDatagrams'>,
    private readonly onEnd: (datagrams: number) => void,
  ) {}

  /** Datagrams of the batch in hand; 0 when none is, and {@link begin} may be called. */
  get inHand(): number {
    return this.#batch.length;
  }

  /** Throws what the listener throws, and goes on nevertheless: perhaps in a later turn. @param batch at least one */
  begin(batch: readonly ReceivedDatagram[]): void {
    this.#batch = batch;
    this.#handed = 0;
    this.#handOn();
  }

  /** Keeps what is not handed on yet from being so. */
  stop(): void {
    this.#handed = this.#batch.length;
  }

  readonly #handOn = (): void => {
    const begin = this.#handed;
    if (begin >= this.#batch.length) return this.#end();
    this.#handed = begin + this.#nextPortion(begin);
    try {
      this.events.onDatagrams(this.#batch.slice(begin, this.#handed));
    } finally {
      afterRest(this.#handOn);
    }
  };

  /** How many are handed on now that those before have come to rest. */
  #nextPortion(begin: number): number {
    const { length } = this.#batch;
    const size = this.#portion.sizeIn(length);
    // All at once: what it takes teaches nothing that is worth a look at the clock.
    if (size >= length) return size;
    const nowMs = performance.now();
    if (begin > 0) this.#portion.took(nowMs - this.#handedMs, size);
    this.#handedMs = nowMs;
    return this.#portion.sizeIn(length);
  }

  #end(): void {
    const { length } = this.#batch;
    this.#batch = NOTHING;
    this.onEnd(length);
  }
}

const NOTHING: readonly ReceivedDatagram[] = [];
