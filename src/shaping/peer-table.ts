import type { HeapEntry } from '../common/binary-heap.js';
import type { PeerAddress } from '../common/peer-address.js';
import { hashOfText } from '../common/text-hash.js';
import type { Bandwidth } from './bandwidth.options.js';
import { Flow } from './flow.js';
import { Limit, type HandlerLimit } from './limit.js';
import type { PeerLimits } from './per-peer.options.js';
import { KnownPeers } from './known-peers.js';
import type { Shaped } from './shaped.js';
import type { ClassRank } from '../common/traffic-class.js';

/** One peer: its limit, and what waits of it. Kept small, for there may be one for each address that ever sent. */
export class Peer implements HeapEntry {
  heapIndex = -1;
  /** Bytes of all that waits. */
  queuedBytes = 0;
  /** Offers that are under way: it must not rest in the midst of one, when what it had waiting is dropped. */
  offers = 0;
  /** As a rule it has one flow, or none. */
  #flow: Flow | undefined;
  #others: readonly Flow[] | undefined;

  constructor(
    /** Under which {@link PeerTable} remembers it; {@link NOBODY} of those that stand for many. */
    readonly number: number,
    /** What it gets in relation to others. */
    readonly weight: number,
    public limit: Limit,
  ) {}

  flow(rank: ClassRank, limit: HandlerLimit | undefined): Flow | undefined {
    const first = this.#flow;
    if (first === undefined || first.is(rank, limit)) return first;
    return this.#others?.find((flow) => flow.is(rank, limit));
  }

  addFlow(rank: ClassRank, limit: HandlerLimit | undefined): Flow {
    const flow = new Flow(this, rank, limit);
    if (this.#flow === undefined) this.#flow = flow;
    else this.#others = [...(this.#others ?? []), flow];
    return flow;
  }

  removeFlow(flow: Flow): void {
    const [first, ...others] = this.flows.filter((other) => other !== flow);
    this.#flow = first;
    this.#others = others.length === 0 ? undefined : others;
  }

  get hasFlows(): boolean {
    return this.#flow !== undefined;
  }

  get flows(): readonly Flow[] {
    return this.#flow === undefined ? [] : [this.#flow, ...(this.#others ?? [])];
  }

  get queuedDatagrams(): number {
    return this.flows.reduce((sum, flow) => sum + flow.queuedDatagrams, 0);
  }

  /** The datagram that has waited longest. */
  get oldest(): Shaped | undefined {
    let oldest: Shaped | undefined;
    for (const flow of this.flows) {
      const first = flow.oldest;
      if (first !== undefined && (oldest === undefined || first.queuedAtMs < oldest.queuedAtMs))
        oldest = first;
    }
    return oldest;
  }
}

/**
 * The peers of one direction, at most `maxPeers` of them, and beside them a few that stand for all addresses that
 * have not proved themselves.
 *
 * A peer that owes nothing and has nothing queued is no different from a stranger, so it can be forgotten at no
 * loss; one that owes bytes never is, and strangers who find no room share one limit. One of whom nothing waits is at
 * rest: a row of figures, and no object.
 */
export class PeerTable {
  /** All that are remembered; the limits of those that are awake are elsewhere. */
  readonly #known: KnownPeers;
  /** Those that are not at rest, by number: something of them waits, or they are pinned. */
  readonly #awake: (Peer | undefined)[] = [];
  /** Peers with a limit that was set for them alone. */
  readonly #pinned = new Set<Peer>();
  readonly #unlimited: Limit | undefined;
  /** What the limit of one at rest is loaded into, while it is asked. */
  readonly #loaded: Limit;
  readonly #strangers: Peer;
  /** By hash of the address; each with the limit of one peer, all of them with the turn of one. */
  readonly #unproven: (Peer | undefined)[] = [];
  #swept = 0;

  /** @param seed see {@link KnownPeers} */
  constructor(
    private readonly limits: PeerLimits,
    nowMs: number,
    seed: number,
  ) {
    const { bandwidth } = limits;
    this.#known = new KnownPeers(seed);
    const isUnlimited = bandwidth.rateBytesPerSecond === Infinity && bandwidth.peak === undefined;
    this.#loaded = new Limit(bandwidth, nowMs);
    // Without limits there is nothing to tell apart, and nothing to remember of a peer.
    this.#unlimited = isUnlimited ? this.#loaded : undefined;
    this.#strangers = new Peer(NOBODY, 1, this.#freshLimit(nowMs));
  }

  /**
   * Takes the bytes of a datagram from the limit of its peer, which is remembered from then on.
   *
   * @returns whether they conform; if not, nothing is taken
   */
  tryTake(address: PeerAddress, bytes: number, nowMs: number): boolean {
    if (this.#unlimited !== undefined && this.#pinned.size === 0) return true;
    const key = this.limits.keyOf(address);
    if (this.#isUnproven(address)) return this.#unprovenPeer(key, nowMs).limit.tryTake(bytes, nowMs);
    let number = this.#known.find(key);
    if (number === NOBODY && this.#unlimited !== undefined) return true;
    if (number === NOBODY) number = this.#add(key, address, nowMs);
    if (number === NOBODY) return this.#strangers.limit.tryTake(bytes, nowMs);
    const awake = this.#awake[number];
    if (awake !== undefined) return awake.limit.tryTake(bytes, nowMs);
    this.#known.load(number, this.#loaded);
    if (!this.#loaded.tryTake(bytes, nowMs)) return false;
    this.#known.store(number, this.#loaded);
    return true;
  }

  /** The peer of an address, if anything of it waits, or it is pinned; all strangers where there is no room for it. */
  awake(address: PeerAddress, nowMs: number): Peer | undefined {
    const key = this.limits.keyOf(address);
    if (this.#isUnproven(address)) return this.#unprovenPeer(key, nowMs);
    if (this.#unlimited !== undefined) {
      const number = this.#known.find(key);
      return number === NOBODY ? undefined : this.#awake[number];
    }
    // Added where it is new: only that tells whether it is one of the strangers.
    const number = this.#obtain(key, address, nowMs);
    return number === NOBODY ? this.#strangers : this.#awake[number];
  }

  /** The peer of an address, made when there is none. If nothing of it is queued then, it is to {@link rest}. */
  obtain(address: PeerAddress, nowMs: number): Peer {
    const key = this.limits.keyOf(address);
    if (this.#isUnproven(address)) return this.#unprovenPeer(key, nowMs);
    const number = this.#obtain(key, address, nowMs);
    return number === NOBODY ? this.#strangers : this.#wake(number, nowMs);
  }

  /** To be called when something of a peer has gone: if all has, and it is not pinned, it has an object no more. */
  rest(peer: Peer): void {
    const { number } = peer;
    if (peer.hasFlows || peer.offers > 0) return;
    if (number === NOBODY || this.#pinned.has(peer) || this.#awake[number] !== peer) return;
    this.#awake[number] = undefined;
    if (this.#unlimited === undefined) this.#known.store(number, peer.limit);
    else this.#known.remove(number);
  }

  /** What a peer has come to, by its key, to look at. */
  get(key: string, nowMs: number): Peer | undefined {
    const number = this.#known.find(key);
    return number === NOBODY ? undefined : (this.#awake[number] ?? this.#peerOf(number, nowMs));
  }

  /**
   * Gives a peer a limit of its own, which stays until {@link unpin}.
   *
   * @returns `undefined` when the table has no room for one more
   */
  pin(key: string, nowMs: number): Peer | undefined {
    const number = this.#obtain(key, undefined, nowMs);
    if (number === NOBODY) return undefined;
    const peer = this.#wake(number, nowMs);
    if (peer.limit === this.#unlimited) peer.limit = new Limit(this.limits.bandwidth, nowMs);
    this.#pinned.add(peer);
    return peer;
  }

  /** The peer of a key, if it is pinned. */
  pinned(key: string): Peer | undefined {
    const number = this.#known.find(key);
    const peer = number === NOBODY ? undefined : this.#awake[number];
    return peer !== undefined && this.#pinned.has(peer) ? peer : undefined;
  }

  /** The peer has the limit of all others again, and may be forgotten. */
  unpin(peer: Peer, nowMs: number): void {
    this.#pinned.delete(peer);
    peer.limit.resume(nowMs);
    peer.limit.setBandwidth(this.limits.bandwidth, nowMs);
    this.rest(peer);
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.#known.size;
  }

  get bandwidth(): Bandwidth {
    return this.limits.bandwidth;
  }

  keyOf(address: PeerAddress): string {
    return this.limits.keyOf(address);
  }

  #isUnproven(address: PeerAddress): boolean {
    return this.limits.isProven?.(address) === false;
  }

  #unprovenPeer(key: string, nowMs: number): Peer {
    const slot = hashOfText(key) % UNPROVEN_SLOTS;
    return (this.#unproven[slot] ??= new Peer(NOBODY, UNPROVEN_WEIGHT, this.#freshLimit(nowMs)));
  }

  #freshLimit(nowMs: number): Limit {
    return this.#unlimited ?? new Limit(this.limits.bandwidth, nowMs);
  }

  get #isFull(): boolean {
    return this.#known.size >= this.limits.maxPeers;
  }

  /** @returns its number; {@link NOBODY} when there is no room */
  #obtain(key: string, address: PeerAddress | undefined, nowMs: number): number {
    const number = this.#known.find(key);
    return number === NOBODY ? this.#add(key, address, nowMs) : number;
  }

  /** As {@link #obtain}, for one that is not known. */
  #add(key: string, address: PeerAddress | undefined, nowMs: number): number {
    this.#makeRoom(nowMs);
    if (this.#isFull) return NOBODY;
    const weight = address === undefined ? 1 : this.limits.weightOf(address);
    const number = this.#known.add(key, weight, this.#freshLimit(nowMs));
    this.#awake[number] = undefined;
    return number;
  }

  #wake(number: number, nowMs: number): Peer {
    return (this.#awake[number] ??= this.#peerOf(number, nowMs));
  }

  #peerOf(number: number, nowMs: number): Peer {
    const limit = this.#freshLimit(nowMs);
    if (limit !== this.#unlimited) this.#known.load(number, limit);
    return new Peer(number, this.#known.weightOf(number), limit);
  }

  /** Forgets whom it comes across on its way round; more of them when the table is full. */
  #makeRoom(nowMs: number): void {
    const idleMs = this.#isFull ? 0 : this.limits.idleTtlMs;
    const looks = Math.min(this.#isFull ? LOOKS_WHEN_FULL : LOOKS, this.#known.end);
    for (let look = 0; look < looks; look++) {
      const number = this.#swept < this.#known.end ? this.#swept : 0;
      this.#swept = number + 1;
      if (this.#known.has(number) && this.#isForgettable(number, idleMs, nowMs)) this.#known.remove(number);
    }
  }

  #isForgettable(number: number, idleMs: number, nowMs: number): boolean {
    if (nowMs - this.#known.askedMs(number) < idleMs || this.#awake[number] !== undefined) return false;
    this.#known.load(number, this.#loaded);
    return this.#loaded.isAsNew(nowMs);
  }
}

/** The number of those that are not remembered. */
const NOBODY = -1;

// Enough that a newcomer seldom shares a limit with another one, few enough to be no help to forged addresses.
const UNPROVEN_SLOTS = 16;

const UNPROVEN_WEIGHT = 1 / UNPROVEN_SLOTS;

// Two for each one that is added: the table is swept faster than it can grow.
const LOOKS = 2;

// Enough to find room while most peers owe nothing, few enough to be no burden while all of them do.
const LOOKS_WHEN_FULL = 16;
