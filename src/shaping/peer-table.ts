import type { HeapEntry } from '../common/binary-heap.js';
import type { PeerAddress } from '../common/peer-address.js';
import { hashOfText } from '../common/text-hash.js';
import type { Bandwidth } from './bandwidth.options.js';
import { Flow } from './flow.js';
import { Limit, type HandlerLimit } from './limit.js';
import type { PeerLimits } from './per-peer.options.js';
import type { Shaped } from './shaped.js';
import type { ClassRank } from '../common/traffic-class.js';

/** One peer: its limit, and what waits of it. Kept small, for there may be one for each address that ever sent. */
export class Peer implements HeapEntry {
  heapIndex = -1;
  /** Bytes of all that waits. */
  queuedBytes = 0;
  /** As a rule it has one flow, or none. */
  #flow: Flow | undefined;
  #others: readonly Flow[] | undefined;

  constructor(
    readonly key: string,
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
 * loss; one that owes bytes never is, and strangers who find no room share one limit.
 */
export class PeerTable {
  readonly #peers = new Map<string, Peer>();
  /** Peers with a limit that was set for them alone. */
  readonly #pinned = new Set<Peer>();
  readonly #unlimited: Limit | undefined;
  readonly #strangers: Peer;
  /** By hash of the address; each with the limit of one peer, all of them with the turn of one. */
  readonly #unproven: (Peer | undefined)[] = [];
  #sweep: MapIterator<Peer> | undefined;

  constructor(
    private readonly limits: PeerLimits,
    nowMs: number,
  ) {
    const { bandwidth } = limits;
    const isUnlimited = bandwidth.rateBytesPerSecond === Infinity && bandwidth.peak === undefined;
    // Without limits there is nothing to tell apart, and nothing to remember of a peer.
    this.#unlimited = isUnlimited ? new Limit(bandwidth, nowMs) : undefined;
    this.#strangers = new Peer('', 1, this.#freshLimit(nowMs));
  }

  /** The peer of an address; `undefined` where it has neither a limit nor anything queued. */
  find(address: PeerAddress, nowMs: number): Peer | undefined {
    if (this.#unlimited !== undefined && this.#peers.size === 0 && !this.#hasUnproven) return undefined;
    const key = this.limits.keyOf(address);
    if (this.limits.isProven?.(address) === false) return this.#unprovenPeer(key, nowMs);
    return (
      this.#peers.get(key) ?? (this.#unlimited === undefined ? this.#add(key, address, nowMs) : undefined)
    );
  }

  /** The peer of an address, made when there is none. */
  obtain(address: PeerAddress, nowMs: number): Peer {
    const key = this.limits.keyOf(address);
    if (this.limits.isProven?.(address) === false) return this.#unprovenPeer(key, nowMs);
    return this.#peers.get(key) ?? this.#add(key, address, nowMs);
  }

  /** To be called when the last flow of a peer has gone. */
  rest(peer: Peer): void {
    const hasLimit = this.#unlimited === undefined || this.#pinned.has(peer);
    if (!hasLimit && this.#peers.get(peer.key) === peer) this.#peers.delete(peer.key);
  }

  /** The peer of a key, as `find` would give it, without making one. */
  get(key: string): Peer | undefined {
    return this.#peers.get(key);
  }

  /**
   * Gives a peer a limit of its own, which stays until {@link unpin}.
   *
   * @returns `undefined` when the table has no room for one more
   */
  pin(key: string, nowMs: number): Peer | undefined {
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      if (!this.#makeRoom(nowMs)) return undefined;
      peer = new Peer(key, 1, this.#freshLimit(nowMs));
      this.#peers.set(key, peer);
    }
    if (peer.limit === this.#unlimited) peer.limit = new Limit(this.limits.bandwidth, nowMs);
    this.#pinned.add(peer);
    return peer;
  }

  /** The peer has the limit of all others again, and may be forgotten. */
  unpin(peer: Peer, nowMs: number): void {
    this.#pinned.delete(peer);
    peer.limit.resume(nowMs);
    peer.limit.setBandwidth(this.limits.bandwidth, nowMs);
    if (!peer.hasFlows) this.rest(peer);
  }

  isPinned(peer: Peer): boolean {
    return this.#pinned.has(peer);
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.#peers.size;
  }

  get bandwidth(): Bandwidth {
    return this.limits.bandwidth;
  }

  keyOf(address: PeerAddress): string {
    return this.limits.keyOf(address);
  }

  #add(key: string, address: PeerAddress, nowMs: number): Peer {
    if (!this.#makeRoom(nowMs)) return this.#strangers;
    const peer = new Peer(key, this.limits.weightOf(address), this.#freshLimit(nowMs));
    this.#peers.set(key, peer);
    return peer;
  }

  get #hasUnproven(): boolean {
    return this.#unproven.length > 0;
  }

  #unprovenPeer(key: string, nowMs: number): Peer {
    const slot = hashOfText(key) % UNPROVEN_SLOTS;
    return (this.#unproven[slot] ??= new Peer('', UNPROVEN_WEIGHT, this.#freshLimit(nowMs)));
  }

  #freshLimit(nowMs: number): Limit {
    return this.#unlimited ?? new Limit(this.limits.bandwidth, nowMs);
  }

  /** Forgets whom it comes across on its way round; more of them when the table is full. */
  #makeRoom(nowMs: number): boolean {
    const isFull = this.#peers.size >= this.limits.maxPeers;
    for (let left = isFull ? LOOKS_WHEN_FULL : LOOKS; left > 0; left--) {
      const peer = this.#nextInSweep();
      if (peer === undefined) break;
      if (this.#isForgettable(peer, isFull ? 0 : this.limits.idleTtlMs, nowMs)) this.#peers.delete(peer.key);
    }
    return this.#peers.size < this.limits.maxPeers;
  }

  #nextInSweep(): Peer | undefined {
    let step = this.#sweep?.next();
    if (step === undefined || step.done === true) {
      this.#sweep = this.#peers.values();
      step = this.#sweep.next();
    }
    return step.done === true ? undefined : step.value;
  }

  #isForgettable(peer: Peer, idleMs: number, nowMs: number): boolean {
    const isIdle = nowMs - peer.limit.lastAskedMs >= idleMs;
    return isIdle && !peer.hasFlows && !this.#pinned.has(peer) && peer.limit.isAsNew(nowMs);
  }
}

// Enough that a newcomer seldom shares a limit with another one, few enough to be no help to forged addresses.
const UNPROVEN_SLOTS = 16;

const UNPROVEN_WEIGHT = 1 / UNPROVEN_SLOTS;

// Two for each one that is added: the table is swept faster than it can grow.
const LOOKS = 2;

// Enough to find room while most peers owe nothing, few enough to be no burden while all of them do.
const LOOKS_WHEN_FULL = 16;
