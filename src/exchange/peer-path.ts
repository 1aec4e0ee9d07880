import { Fifo } from '../common/fifo.js';
import { CongestionWindow } from './congestion-window.js';
import { RttEstimator } from './rtt-estimator.js';

/** Something that waits for a place among the requests in flight. */
export interface Waiting {
  /** Whether it still wants its place. */
  readonly isWaiting: boolean;
  /** It has its place. */
  admit(): void;
}

/** Something that waits for the congestion window. */
export interface Blocked {
  /** Whether it stands in line. Written by the path. */
  isInLine: boolean;
  /** Sends one segment, if there is one and the window lets it. */
  sendOne(): 'sent' | 'blocked' | 'idle';
}

/** What is known of the way to one peer, shared by all that travels there. */
export class PeerPath {
  readonly rtt = new RttEstimator();
  readonly congestion: CongestionWindow;
  #epoch = 0;
  #firstEpoch = 0;
  /** The token by which this side proves its address to the peer; `undefined` when the peer never asked. */
  token: Uint8Array | undefined;
  /** When that was shown last, monotonic milliseconds. */
  shownMs = -Infinity;
  /** When the peer was heard last. */
  heardMs = -Infinity;
  /** Bytes of messages from this peer that are not complete yet. */
  reassemblyBytes = 0;
  /** Bytes of replies and streams to this peer that have not arrived. */
  undeliveredBytes = 0;
  /** When it was used last, monotonic milliseconds. */
  usedMs = 0;
  #inFlight = 0;
  #users = 0;
  readonly #waiting = new Fifo<Waiting>();
  readonly #blocked = new Fifo<Blocked>();
  #isResuming = false;

  /** @param maxInFlight requests without a word yet, at most */
  constructor(
    datagramBytes: number,
    private readonly maxInFlight: number,
    private readonly maxWaiting: number,
  ) {
    this.congestion = new CongestionWindow(datagramBytes);
  }

  /**
   * Asks for a place among the requests in flight. To be given back by {@link leave}.
   *
   * @returns false when the line is full; `admit` is called at once or later otherwise
   */
  enter(request: Waiting): boolean {
    if (this.#inFlight < this.maxInFlight) {
      this.#inFlight++;
      request.admit();
      return true;
    }
    if (this.#waiting.length >= this.maxWaiting) return false;
    this.#waiting.push(request);
    return true;
  }

  /** Gives a place back: to the next in line, if there is one. */
  leave(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.isWaiting) return next.admit();
    }
    this.#inFlight--;
  }

  /** Puts a run in line for the congestion window. */
  block(run: Blocked): void {
    if (run.isInLine) return;
    run.isInLine = true;
    this.#blocked.push(run);
  }

  unblock(run: Blocked): void {
    run.isInLine = false;
  }

  /** Whether runs stand in line: others must not go before them. */
  get hasBlocked(): boolean {
    return this.#blocked.length > 0;
  }

  /** Lets runs send while the window has room: one segment each, in turn, so that none starves. */
  resumeBlocked(): void {
    // A run that ends while it sends comes here again.
    if (this.#isResuming) return;
    this.#isResuming = true;
    for (let run = this.#blocked.peek(); run !== undefined; run = this.#blocked.peek()) {
      const outcome = run.isInLine ? run.sendOne() : 'idle';
      if (outcome === 'blocked') break;
      this.#blocked.shift();
      const isOver = !run.isInLine;
      run.isInLine = false;
      if (outcome === 'sent' && !isOver) this.block(run);
    }
    this.#isResuming = false;
  }

  /** Whether the peer may have forgotten that this address is proven: it is shown the token before it asks. */
  isProofDue(nowMs: number): boolean {
    return this.token !== undefined && !this.isAcquainted(nowMs) && nowMs - this.shownMs > FORGOTTEN_AFTER_MS;
  }

  /** Whether the peer was heard lately: it takes long requests without proof of this address. */
  isAcquainted(nowMs: number): boolean {
    return nowMs - this.heardMs <= FORGOTTEN_AFTER_MS;
  }

  /** The peer has spoken of its life. */
  learnEpoch(epoch: number): void {
    this.#epoch = epoch;
    if (this.#firstEpoch === 0) this.#firstEpoch = epoch;
  }

  /** While anything holds a path, it is not forgotten. */
  hold(): void {
    this.#users++;
  }

  release(nowMs: number): void {
    this.#users--;
    this.usedMs = nowMs;
  }

  /** Life of the server that this peer last spoke of; 0 before. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The first life of the server that this peer spoke of; 0 before. */
  get firstEpoch(): number {
    return this.#firstEpoch;
  }

  get isHeld(): boolean {
    return this.#users > 0;
  }

  /** Requests in flight. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests in line. */
  get waiting(): number {
    return this.#waiting.length;
  }
}

// Servers remember for some minutes; a token costs less than to be asked for it.
const FORGOTTEN_AFTER_MS = 60_000;
