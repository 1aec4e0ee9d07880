import type { SegmentFrame } from '../codec/frame.js';
import type { PeerPath } from '../exchange/peer-path.js';
import { SegmentReceiver } from '../exchange/segment-receiver.js';
import { Timed } from './deadlines.js';
import { postFrame, type ExchangeParts } from './exchange-parts.js';
import type { RunName } from './outgoing-run.js';
import type { Fate } from './uplink.js';

/** What becomes of a run that arrives. */
export interface RunSink {
  /** The next message is complete. */
  onMessage(message: Uint8Array, isEnd: boolean, nowMs: number): void;
  /** The run cannot go on. */
  onBroken(reason: 'too-large' | 'broken', nowMs: number): void;
  /** No segment came for as long as incomplete messages are kept. */
  onStale(nowMs: number): void;
}

/** Messages that arrive as a run of segments: acknowledges, puts together, hands on in order. */
export class IncomingRun extends Timed implements Fate {
  readonly #receiver: SegmentReceiver;
  #ackAtMs = Infinity;
  #staleAtMs: number;
  /** An acknowledgement waits in our own queue. */
  #isAckQueued = false;
  /** Something has come since it was queued. */
  #isAckStale = false;
  #isOver = false;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly path: PeerPath,
    private readonly name: RunName,
    private readonly sink: RunSink,
    nowMs: number,
  ) {
    super();
    this.#receiver = new SegmentReceiver(parts.budget, path);
    this.#staleAtMs = nowMs + parts.limits.reassembly.maxAgeMs;
  }

  receive(segment: SegmentFrame, nowMs: number): void {
    if (this.#isOver) return;
    const { counts, limits } = this.parts;
    const arrival = this.#receiver.receive(segment);
    if (arrival === 'too-large' || arrival === 'broken') {
      counts.segmentsRefused++;
      return this.sink.onBroken(arrival, nowMs);
    }
    // Also one that is here already: its sender lives, and goes on when it hears of it.
    this.#staleAtMs = nowMs + limits.reassembly.maxAgeMs;
    if (arrival === 'new') counts.segmentsReceived++;
    else if (arrival === 'repeated') counts.segmentsRepeated++;
    else counts.segmentsRefused++;
    this.#planAck(nowMs);
    this.#handOn(nowMs);
    if (!this.#isOver) this.#aim();
  }

  /** Tells the sender what is here. @param wantsAnswer asks it for a sign of life */
  acknowledge(wantsAnswer = false): void {
    this.#ackAtMs = Infinity;
    if (this.#isAckQueued) {
      this.#isAckStale = true;
      return;
    }
    this.#isAckQueued = true;
    this.parts.counts.acknowledgements++;
    const { id, client, peer } = this.name;
    const epoch = client === undefined ? this.parts.epoch : this.path.epoch;
    const head = { kind: 'ack', id, client, epoch, wantsAnswer } as const;
    postFrame(this.parts, { ...head, ...this.#receiver.acknowledgement() }, peer, this);
  }

  left(): void {
    this.#isAckQueued = false;
    if (!this.#isAckStale) return;
    this.#isAckStale = false;
    this.acknowledge();
  }

  dropped(): void {
    // The sender will repeat what it has not heard about.
    this.#isAckQueued = false;
    this.#isAckStale = false;
  }

  onDue(nowMs: number): void {
    if (nowMs >= this.#staleAtMs && this.#receiver.isInside) return this.sink.onStale(nowMs);
    if (nowMs >= this.#staleAtMs) this.#staleAtMs = nowMs + this.parts.limits.reassembly.maxAgeMs;
    if (nowMs >= this.#ackAtMs) this.acknowledge();
    this.#aim();
  }

  /** Takes no more, and gives its room back. An acknowledgement that is due is sent. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#ackAtMs !== Infinity) this.acknowledge();
    this.parts.deadlines.cancel(this);
    this.#receiver.close();
  }

  #handOn(nowMs: number): void {
    for (let message = this.#receiver.shift(); message !== undefined; message = this.#receiver.shift()) {
      this.sink.onMessage(message, this.#receiver.isDone && !this.#receiver.hasReady, nowMs);
      if (this.#isOver) return;
    }
  }

  #planAck(nowMs: number): void {
    switch (this.#receiver.ackDue) {
      case 'now':
        return this.acknowledge();
      case 'soon':
        if (this.#ackAtMs === Infinity) this.#ackAtMs = nowMs + ACK_DELAY_MS;
    }
  }

  #aim(): void {
    const staleAtMs = this.#receiver.isInside ? this.#staleAtMs : Infinity;
    this.parts.deadlines.aim(this, Math.min(this.#ackAtMs, staleAtMs));
  }
}

// RFC 9000 has 25 ms; less than the shortest retransmission timer, with room for a late timer.
const ACK_DELAY_MS = 20;
