import { CoDel, codelTargetMs } from './codel.js';
import type { FlowLine } from './flow-line.js';
import type { HandlerLimit, Limit } from './limit.js';
import type { Peer } from './peer-table.js';
import { Lane } from './lane.js';
import type { Shaped } from './shaped.js';
import type { ClassRank } from '../common/traffic-class.js';

/** What waits of one peer, in one class, from one handler's limit: the unit of fairness. */
export class Flow {
  /** The line in which it waits for its turn: of its class, or of a limit; the next two are its neighbours there. */
  line: FlowLine | undefined;
  before: Flow | undefined;
  after: Flow | undefined;
  /** Bytes that it may send before its turn ends; negative when a large datagram took more (RFC 8290 section 4.2). */
  deficitBytes = 0;
  /** The limit that it waits for; written by {@link Parking} alone. */
  parkedAt: Limit | undefined;
  queuedBytes = 0;
  queuedDatagrams = 0;
  /** Made when the queue is managed by age. */
  #codel: CoDel | undefined;
  readonly #ordinary = new Lane();
  #urgent: Lane | undefined;

  constructor(
    readonly peer: Peer,
    readonly rank: ClassRank,
    /** The limit of the handler, when there is one. */
    readonly limit: HandlerLimit | undefined,
  ) {}

  add(item: Shaped): void {
    item.flow = this;
    if (item.isUrgent) (this.#urgent ??= new Lane()).push(item);
    else this.#ordinary.push(item);
  }

  remove(item: Shaped): void {
    item.flow = undefined;
    if (item.isUrgent) this.#urgent?.remove(item);
    else this.#ordinary.remove(item);
  }

  is(rank: ClassRank, limit: HandlerLimit | undefined): boolean {
    return this.rank === rank && this.limit === limit;
  }

  /** The datagram that goes next. */
  get head(): Shaped | undefined {
    return this.#urgent?.first ?? this.#ordinary.first;
  }

  /** The datagram that has waited longest. */
  get oldest(): Shaped | undefined {
    const urgent = this.#urgent?.first;
    const ordinary = this.#ordinary.first;
    if (urgent === undefined || ordinary === undefined) return urgent ?? ordinary;
    return urgent.queuedAtMs < ordinary.queuedAtMs ? urgent : ordinary;
  }

  get isEmpty(): boolean {
    return this.head === undefined;
  }

  /** Leaves the line in which it stands. */
  leaveLine(): void {
    this.line?.remove(this);
  }

  /** The limit of its own that holds the head back longest; `undefined` when none does. */
  blocker(bytes: number, nowMs: number): Limit | undefined {
    const ofPeer = this.peer.limit;
    const peerDelayMs = ofPeer.delayFor(bytes, nowMs);
    const ownDelayMs = this.limit === undefined ? 0 : this.limit.delayFor(bytes, nowMs);
    if (peerDelayMs <= 0 && ownDelayMs <= 0) return undefined;
    return ownDelayMs > peerDelayMs ? this.limit : ofPeer;
  }

  /** A limit of its own for which others wait already: to go before them would be to jump the line. */
  get crowdedLimit(): Limit | undefined {
    if (this.limit?.lot !== undefined) return this.limit;
    return this.peer.limit.lot === undefined ? undefined : this.peer.limit;
  }

  /**
   * Whether its head is to be dropped because the flow stands: to be asked once for each that is about to leave.
   *
   * @param ofAll the limit of the transport
   */
  isLate({ queuedAtMs }: Shaped, ofAll: Limit, nowMs: number): boolean {
    const own = this.limit?.rateBytesPerSecond ?? Infinity;
    const rate = Math.min(ofAll.rateBytesPerSecond, this.peer.limit.rateBytesPerSecond, own);
    this.#codel ??= new CoDel();
    return this.#codel.judge(nowMs - queuedAtMs, this.queuedDatagrams === 1, codelTargetMs(rate), nowMs);
  }

  debit(bytes: number): void {
    this.deficitBytes -= Math.max(bytes, LEAST_DEFICIT_BYTES);
    this.limit?.debit(bytes);
    this.peer.limit.debit(bytes);
  }
}

// An empty datagram is work too: without a price, a peer that sends nothing but those would never end its turn.
const LEAST_DEFICIT_BYTES = 1;
