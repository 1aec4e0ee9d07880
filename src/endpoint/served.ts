import type { GoneReason } from '../codec/frame.js';
import type { RequestStamp } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { StoredRequest } from '../exchange/duplicate-store.js';
import type { FinishedRequest } from '../exchange/finished-requests.js';
import type { PeerPath } from '../exchange/peer-path.js';
import { Timed } from './deadlines.js';
import { DatagramDroppedError, NobodyWaitsError, UnprovenAddressError } from './endpoint.errors.js';
import type { OutgoingRun } from './outgoing-run.js';
import { USUAL_PASSAGE, type Passage } from './passage.js';
import type { Fate } from './uplink.js';

/** Whoever works on a request. */
export interface Worker {
  /** Nobody waits any more: stop. Nothing more is said. */
  cancel(): void;
}

/**
 * - `running`: no reply yet;
 * - `replying`: the reply waits in our own queue;
 * - `replied`: it has left, and is kept;
 * - `streaming`: values, or segments of a large reply, are on their way;
 * - `delivered`: all of those have arrived;
 * - `received`: a confirmable event, handed on;
 * - `refused`: a confirmable event that nobody takes, or a message that was too large;
 * - `cancelled`, `expired`: given up by its client, or for want of any sign of it.
 */
export type ServedState =
  | 'running'
  | 'replying'
  | 'replied'
  | 'streaming'
  | 'delivered'
  | 'received'
  | 'refused'
  | 'cancelled'
  | 'expired';

/** What a served request tells the half of the exchange that it belongs to. */
export interface ServedOwner {
  /** Writes attempt and time held into the kept reply. */
  restamp(served: Served, nowMs: number): void;
  onReplyLeft(served: Served, nowMs: number): void;
  /** Its reply was not sent: its client has stopped waiting. */
  onUnwanted(served: Served): void;
  /** Its reply was not sent: its address has not proved itself. */
  onWithheld(served: Served): void;
  onLeaseOver(served: Served, nowMs: number): void;
}

/**
 * One request, or confirmable event, of a peer that speaks the exchange: its record among those that were seen,
 * the fate of its reply, and the lease of its client.
 */
export class Served extends Timed implements StoredRequest, Fate {
  body: Uint8Array | undefined;
  finishedMs: number | undefined;
  state: ServedState = 'running';
  worker: Worker | undefined;
  run: OutgoingRun | undefined;
  /** Why it was refused. */
  refusal: GoneReason | undefined;
  /** Held while a run is open. */
  path: PeerPath | undefined;
  /** It counts among those that run for addresses that have not proved themselves. */
  isRunningUnproven = false;
  /** The address that must prove itself before all of it is answered. */
  unprovenKey: string | undefined;
  /** Its neighbours among those that came lately. */
  younger: Served | undefined;
  older: Served | undefined;
  /** The word that it runs waits in our own queue. */
  isPendingQueued = false;
  slot = -1;
  /** When its client was heard last. */
  heardMs: number;
  /** When the attempt arrived that is answered. */
  receivedMs: number;
  /** The attempt that is answered. */
  attempt: number;
  /** When its client stops waiting for a first value. */
  patienceEndMs: number;
  /** Where answers go: to the address that its last copy came from. */
  peer: PeerAddress;
  /** How its replies leave: as its handler's do. */
  passage: Passage = USUAL_PASSAGE;
  /** Told of the reply that is on its way. */
  fate: Fate | undefined;

  constructor(
    private readonly owner: ServedOwner,
    readonly client: string,
    readonly id: string,
    stamp: RequestStamp,
    peer: PeerAddress,
    readonly arrivedMs: number,
    readonly isProven: boolean,
  ) {
    super();
    this.peer = peer;
    this.heardMs = arrivedMs;
    this.receivedMs = arrivedMs;
    this.attempt = stamp.attempt;
    this.patienceEndMs = arrivedMs + stamp.patienceMs;
  }

  /** Another copy has come. */
  hear(stamp: RequestStamp, peer: PeerAddress, receivedMs: number): void {
    this.peer = peer;
    this.heardMs = receivedMs;
    this.receivedMs = receivedMs;
    this.attempt = stamp.attempt;
    const patienceEndMs = receivedMs + stamp.patienceMs;
    // Of one that was recalled nothing was known.
    const isKnown = this.patienceEndMs !== Infinity;
    this.patienceEndMs = isKnown ? Math.max(this.patienceEndMs, patienceEndMs) : patienceEndMs;
  }

  /** What is remembered of it. */
  ended(): FinishedRequest {
    const body = this.state === 'replied' ? this.body : undefined;
    return { mark: STATES.indexOf(this.state), note: this.refusal ?? this.passage, body };
  }

  /** It is as it was when it ended. */
  recall({ mark, note, body }: FinishedRequest, nowMs: number): void {
    this.state = STATES[mark] ?? 'expired';
    if (typeof note === 'string') this.refusal = note as GoneReason;
    else this.passage = note as Passage;
    this.body = body;
    this.finishedMs = nowMs;
    // Whoever asks what became of it waits.
    this.patienceEndMs = Infinity;
  }

  /** Names it among those of all clients. */
  get key(): string {
    return this.client + this.id;
  }

  /** Whether a handler works on it, or its reply has not left. */
  get isOpen(): boolean {
    return this.state === 'running' || this.state === 'replying' || this.state === 'streaming';
  }

  leaving(nowMs: number): boolean {
    if (this.state !== 'replying' || nowMs > this.patienceEndMs) return false;
    this.owner.restamp(this, nowMs);
    return true;
  }

  left(nowMs: number): void {
    this.owner.onReplyLeft(this, nowMs);
    this.#fate()?.left(nowMs);
  }

  dropped(error: Error): void {
    const fate = this.#fate();
    if (error instanceof NobodyWaitsError) {
      // For the handler that is as good as sent.
      this.owner.onUnwanted(this);
      return fate?.left(this.receivedMs);
    }
    if (error instanceof UnprovenAddressError && this.state === 'replying') {
      // It is kept, and sent when the address has proved itself.
      this.owner.onWithheld(this);
      return fate?.left(this.receivedMs);
    }
    if (error instanceof DatagramDroppedError && this.state === 'replying') {
      // As lost on the network: whoever asks again gets the one that is kept.
      this.owner.onReplyLeft(this, this.receivedMs);
      return fate?.left(this.receivedMs);
    }
    if (this.state === 'replying' && this.finishedMs === undefined) this.state = 'running';
    else if (this.state === 'replying') this.owner.onReplyLeft(this, this.receivedMs);
    fate?.dropped(error);
  }

  onDue(nowMs: number): void {
    this.owner.onLeaseOver(this, nowMs);
  }

  #fate(): Fate | undefined {
    const { fate } = this;
    this.fate = undefined;
    return fate;
  }
}

const STATES: readonly ServedState[] = [
  'running',
  'replying',
  'replied',
  'streaming',
  'delivered',
  'received',
  'refused',
  'cancelled',
  'expired',
];
