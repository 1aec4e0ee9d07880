import type { ClassRank } from '../common/traffic-class.js';
import { Backlog } from './backlog.js';
import type { Bandwidth } from './bandwidth.options.js';
import { ClassTurns } from './class-turns.js';
import type { Flow } from './flow.js';
import { Limit } from './limit.js';
import type { PeerLimits } from './per-peer.options.js';
import { PeerTable, type Peer } from './peer-table.js';
import type { QueueLimits } from './queue.options.js';
import type { Shaped } from './shaped.js';
import type { ClassTerms } from './traffic-class.options.js';
import { WaitingTime } from './waiting-time.js';

/**
 * What became of a datagram that was offered:
 * - `pass`: it conforms, its bytes are taken, let it go now;
 * - `queued`: it will come out of `release` or `expire` later, or go to the `onDrop` of the shaper;
 * - `overflow`: refused, the queue holds its maximum;
 * - `dropped`: the same, and nobody is to be told;
 * - `expired`: refused, it could not leave within its time behind the present backlog;
 * - `exceeded`: refused, it does not conform and nothing is held.
 */
export type Verdict = 'pass' | 'queued' | 'overflow' | 'dropped' | 'expired' | 'exceeded';

/** Why a datagram was dropped that had been queued. */
export type QueueDropReason = 'overflow' | 'aqm' | 'unwanted';

/** What waits of something. */
export interface Waiting {
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
  /** Milliseconds that the oldest of it has waited. */
  readonly queueAgeMs: number;
}

/** What is done to a limit, at an instant that never lies before an earlier one. */
export type LimitChange = (
  limit: Pick<Limit, 'bandwidth' | 'setBandwidth' | 'pause' | 'resume'>,
  nowMs: number,
) => void;

/** What a shaper is made with. */
export interface ShaperTerms {
  readonly bandwidth: Bandwidth;
  readonly queue: QueueLimits;
  readonly peers: PeerLimits;
  /** By rank. */
  readonly classes: readonly ClassTerms[];
  /** 32 random bits, so that nobody can choose which peers share a limit. */
  readonly seed: number;
}

/**
 * Decides when each datagram goes: when every limit on its path (of its handler, its peer, the transport) holds
 * enough for it, and it is its turn: by traffic class, then fairly between peers.
 *
 * Pure: whoever owns it calls `release` and `expire` when `nextEventMs` says so. The choice is made at release,
 * and the datagram that is chosen is never passed over for a smaller one, so large ones do not starve.
 */
export class FairShaper<T extends Shaped> {
  readonly #limit: Limit;
  readonly #turns: ClassTurns;
  readonly #peers: PeerTable;
  readonly #queue: QueueLimits;
  readonly #backlog: Backlog;
  readonly #waiting: WaitingTime;
  readonly #onDrop: (item: T, reason: QueueDropReason) => void;
  #spilledBytes = 0;
  #latenessAllowedMs = Infinity;
  #latestMs: number;

  /** @param onDrop takes a queued datagram that is dropped to make room, or by active queue management */
  constructor(terms: ShaperTerms, nowMs: number, onDrop: (item: T, reason: QueueDropReason) => void) {
    const { bandwidth, queue, peers, classes, seed } = terms;
    this.#latestMs = nowMs;
    this.#limit = new Limit(bandwidth, nowMs);
    this.#turns = new ClassTurns(classes, bandwidth, nowMs, (flow) => this.#retire(flow));
    this.#peers = new PeerTable(peers, nowMs, seed);
    this.#queue = queue;
    this.#backlog = new Backlog(queue);
    this.#waiting = new WaitingTime(this.#limit, this.#backlog);
    this.#onDrop = onDrop;
  }

  /** @throws {RangeError} `item.bytes` is negative or not a number */
  offer(item: T, clockMs: number): Verdict {
    const nowMs = this.#timeOf(clockMs);
    if (!(item.bytes >= 0)) throw new RangeError(`bytes must be 0 or more, got ${item.bytes}`);
    if (this.#tryPass(item, nowMs)) return 'pass';
    const peer = this.#peers.obtain(item.peer, nowMs);
    peer.offers++;
    try {
      return this.#enqueue(item, peer, nowMs);
    } finally {
      peer.offers--;
      this.#peers.rest(peer);
    }
  }

  /** The next datagram that may go now, its bytes taken; `undefined` when none may. */
  release(clockMs: number): T | undefined {
    const nowMs = this.#timeOf(clockMs);
    for (;;) {
      const flow = this.#turns.next(nowMs);
      const head = flow?.head;
      if (flow === undefined || head === undefined) return undefined;
      this.#spilledBytes += this.#limit.spilledBytes(nowMs);
      if (!this.#limit.conforms(head.bytes, nowMs)) return undefined;
      if (!head.isWanted(nowMs)) {
        this.#drop(head, 'unwanted', nowMs);
        continue;
      }
      if (this.#queue.aqm === 'codel' && flow.isLate(head, this.#limit, nowMs)) {
        this.#drop(head, 'aqm', nowMs);
        continue;
      }
      this.#limit.debit(head.bytes);
      flow.debit(head.bytes);
      this.#turns.charge(head.bytes);
      this.#unlink(head, nowMs);
      return head as T;
    }
  }

  /** The next datagram whose time is up, taken out; `undefined` when there is none. */
  expire(clockMs: number): T | undefined {
    const nowMs = this.#timeOf(clockMs);
    const oldest = this.#backlog.oldest;
    if (oldest === undefined || nowMs - oldest.queuedAtMs <= this.#queue.maxAgeMs) return undefined;
    this.#unlink(oldest, nowMs);
    return oldest as T;
  }

  /** Takes out the oldest, whatever the limits say: for closing. */
  discard(clockMs: number): T | undefined {
    const nowMs = this.#timeOf(clockMs);
    const oldest = this.#backlog.oldest;
    if (oldest !== undefined) this.#unlink(oldest, nowMs);
    return oldest as T | undefined;
  }

  /** Takes out one that nobody wants any more. @returns whether it was waiting */
  withdraw(item: T, clockMs: number): boolean {
    const nowMs = this.#timeOf(clockMs);
    if (item.flow === undefined) return false;
    this.#unlink(item, nowMs);
    return true;
  }

  /** When `release` or `expire` will next have something, monotonic milliseconds; `Infinity` when never. */
  nextEventMs(clockMs: number): number {
    const nowMs = this.#timeOf(clockMs);
    const oldest = this.#backlog.oldest;
    this.#latenessAllowedMs = Infinity;
    const head = this.#turns.next(nowMs)?.head;
    if (oldest === undefined) return Infinity;
    // One millisecond past the limit, for `expire` takes only what is older than it.
    let nextMs = oldest.queuedAtMs + this.#queue.maxAgeMs + 1;
    if (head !== undefined) {
      const releaseMs = nowMs + this.#limit.delayFor(head.bytes, nowMs);
      if (releaseMs < nextMs) {
        nextMs = releaseMs;
        this.#latenessAllowedMs = this.#limit.latenessAllowedMs(head.bytes);
      }
    }
    const { parking } = this.#turns;
    if (parking.nextMs < nextMs) {
      nextMs = parking.nextMs;
      this.#latenessAllowedMs =
        parking.size <= MAX_EXACT_LOTS ? (parking.next?.latenessAllowedMs ?? Infinity) : Infinity;
    }
    return nextMs;
  }

  /**
   * How much later than the instant that `nextEventMs` has just told a datagram may be released without losing
   * rate: until the bucket that it waits for is full.
   *
   * @returns milliseconds; 0 when it is as large as the burst, `Infinity` when nothing is lost
   */
  get latenessAllowedMs(): number {
    return this.#latenessAllowedMs;
  }

  /**
   * How many datagrams one turn of the event loop should release at the most: about 2 ms of the rate, so that
   * a fast limit does not hold up everything else in the process, and a few in any case.
   */
  get batchSize(): number {
    if (this.#backlog.datagrams === 0) return 1;
    const meanBytes = Math.max(1, this.#backlog.bytes / this.#backlog.datagrams);
    const datagrams = (this.#limit.rateBytesPerSecond * BATCH_SECONDS) / meanBytes;
    return Math.min(MAX_BATCH, Math.max(MIN_BATCH, Math.ceil(datagrams)));
  }

  /** Changes the limit of all; see {@link Limit.setBandwidth}. */
  setBandwidth(bandwidth: Bandwidth, clockMs: number): void {
    const nowMs = this.#timeOf(clockMs);
    this.#limit.setBandwidth(bandwidth, nowMs);
    this.#turns.setBandwidth(bandwidth, nowMs);
  }

  pause(clockMs: number): void {
    const nowMs = this.#timeOf(clockMs);
    this.#limit.pause(nowMs);
  }

  resume(clockMs: number): void {
    const nowMs = this.#timeOf(clockMs);
    this.#limit.resume(nowMs);
  }

  /** Changes the limit of a handler. */
  adjust(limit: Limit, change: LimitChange, clockMs: number): void {
    const nowMs = this.#timeOf(clockMs);
    change(limit, nowMs);
    this.#turns.parking.reaim(limit, nowMs);
  }

  /**
   * Changes the limit of one peer, which has one of its own from then on.
   *
   * @param key see {@link PeerTable}
   * @returns false when there is no room for one more such peer
   */
  adjustPeer(key: string, change: LimitChange, clockMs: number): boolean {
    const peer = this.#peers.pin(key, this.#timeOf(clockMs));
    if (peer !== undefined) this.adjust(peer.limit, change, clockMs);
    return peer !== undefined;
  }

  /** Gives a peer the limit of all others again. */
  resetPeer(key: string, clockMs: number): void {
    const peer = this.#peers.pinned(key);
    if (peer === undefined) return;
    this.adjust(peer.limit, (_, nowMs) => this.#peers.unpin(peer, nowMs), clockMs);
  }

  /**
   * How long what has its turn before a new datagram takes at the present rates.
   *
   * @returns milliseconds; a pause is not counted
   */
  backlogMs(path: Pick<Shaped, 'peer' | 'rank' | 'limit'>, clockMs: number): number {
    return this.#waiting.ofReply(path, this.#peers.awake(path.peer, this.#timeOf(clockMs)));
  }

  /** The peers with their limits. */
  get peers(): PeerTable {
    return this.#peers;
  }

  get bandwidth(): Bandwidth {
    return this.#limit.bandwidth;
  }

  get paused(): boolean {
    return this.#limit.paused;
  }

  get burstBytes(): number {
    return this.#limit.burstBytes;
  }

  get queuedBytes(): number {
    return this.#backlog.bytes;
  }

  get queuedDatagrams(): number {
    return this.#backlog.datagrams;
  }

  get queueLimits(): QueueLimits {
    return this.#queue;
  }

  /** What waits of one class. */
  backlogOfClass(rank: ClassRank, nowMs: number): Waiting {
    const { bytes, datagrams, oldest } = this.#backlog.ofClass(rank);
    return { queuedBytes: bytes, queuedDatagrams: datagrams, queueAgeMs: ageOf(oldest, nowMs) };
  }

  /** What waits of one peer. */
  backlogOfPeer(peer: Peer | undefined, nowMs: number): Waiting {
    return {
      queuedBytes: peer?.queuedBytes ?? 0,
      queuedDatagrams: peer?.queuedDatagrams ?? 0,
      queueAgeMs: ageOf(peer?.oldest, nowMs),
    };
  }

  /** Bytes of rate that were lost because the queue was served too late: stalls of the event loop, late timers. */
  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  /** Milliseconds that the oldest datagram has waited; 0 when none waits. */
  headAgeMs(nowMs: number): number {
    return ageOf(this.#backlog.oldest, nowMs);
  }

  /** Bytes that could pass now; negative while in debt. */
  tokens(nowMs: number): number {
    return this.#limit.tokens(nowMs);
  }

  /** Takes the bytes of a datagram that finds nobody before it and conforms. */
  protected tryPassAlone(item: T, clockMs: number): boolean {
    const nowMs = this.#timeOf(clockMs);
    if (!(item.bytes >= 0)) throw new RangeError(`bytes must be 0 or more, got ${item.bytes}`);
    return this.#tryPass(item, nowMs);
  }

  /** The clock, except that it never goes back: a peer met after a step back must not live through that time twice. */
  #timeOf(clockMs: number): number {
    if (clockMs > this.#latestMs) this.#latestMs = clockMs;
    return this.#latestMs;
  }

  #tryPass(item: T, nowMs: number): boolean {
    if (this.#backlog.datagrams > 0 && !this.#isFirst(item, nowMs)) return false;
    const { bytes, limit } = item;
    if (!this.#limit.conforms(bytes, nowMs)) return false;
    if (limit !== undefined && !limit.conforms(bytes, nowMs)) return false;
    // The last to be asked: it takes them.
    if (!this.#peers.tryTake(item.peer, bytes, nowMs)) return false;
    limit?.debit(bytes);
    this.#limit.debit(bytes);
    return true;
  }

  /** Whether nobody that could go waits before it. */
  #isFirst({ peer: address, rank, limit }: T, nowMs: number): boolean {
    const peer = this.#peers.awake(address, nowMs);
    if (limit?.lot !== undefined || peer?.limit.lot !== undefined) return false;
    if (peer?.flow(rank, limit)?.isEmpty === false) return false;
    return this.#turns.next(nowMs) === undefined;
  }

  #enqueue(item: T, peer: Peer, nowMs: number): Verdict {
    const hasRoom = this.#backlog.hasRoomFor(item, peer);
    if (!hasRoom && this.#backlog.victimFor(item, peer) === undefined) {
      return this.#queue.overflow === 'reject' ? 'overflow' : 'dropped';
    }
    const known = peer.flow(item.rank, item.limit);
    if (this.#waiting.ofDatagram(item, peer, known, nowMs) > this.#queue.maxAgeMs) return 'expired';
    if (!hasRoom && !this.#makeRoom(item, peer, nowMs)) return 'dropped';
    // Only now: making room may have emptied the flow.
    const flow = peer.flow(item.rank, item.limit) ?? peer.addFlow(item.rank, item.limit);
    this.#backlog.add(item, flow, nowMs);
    if (flow.parkedAt !== undefined) this.#turns.parking.headChanged(flow, flow.parkedAt, nowMs);
    else if (flow.line === undefined) this.#turns.begin(flow, nowMs);
    return 'queued';
  }

  #makeRoom(item: T, peer: Peer, nowMs: number): boolean {
    while (!this.#backlog.hasRoomFor(item, peer)) {
      const victim = this.#backlog.victimFor(item, peer);
      if (victim === undefined) return false;
      this.#drop(victim, 'overflow', nowMs);
    }
    return true;
  }

  #drop(item: Shaped, reason: QueueDropReason, nowMs: number): void {
    this.#unlink(item, nowMs);
    this.#onDrop(item as T, reason);
  }

  #unlink(item: Shaped, nowMs: number): void {
    const flow = this.#backlog.remove(item);
    if (flow?.parkedAt === undefined) return;
    this.#turns.parking.headChanged(flow, flow.parkedAt, nowMs);
    if (flow.isEmpty) this.#retire(flow);
  }

  #retire(flow: Flow): void {
    flow.peer.removeFlow(flow);
    this.#peers.rest(flow.peer);
  }
}

function ageOf(item: Shaped | undefined, nowMs: number): number {
  return item === undefined ? 0 : Math.max(0, nowMs - item.queuedAtMs);
}

const BATCH_SECONDS = 0.002;

// A turn takes longer than 2 ms where much comes in: one datagram for each would be less than the rate.
const MIN_BATCH = 16;

const MAX_BATCH = 256;

// To be exact costs a busy event loop before each release: worth it for a few limits, not for those of many peers.
const MAX_EXACT_LOTS = 4;
