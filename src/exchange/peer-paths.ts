import type { PeerAddress } from '../common/peer-address.js';
import { PeerPath } from './peer-path.js';

export interface PeerPathLimits {
  /** Bytes of the largest datagram. */
  readonly datagramBytes: number;
  /** Requests to one peer without a word yet, at most. */
  readonly maxInFlight: number;
  /** Requests that may wait for a place, per peer. */
  readonly maxWaiting: number;
  /** Ways beyond which those that nobody uses are forgotten at once. @default 65536 */
  readonly maxPaths?: number;
}

/** The ways to all peers; those that nobody uses are forgotten after two minutes, or for want of room. */
export class PeerPaths {
  /** Called when there is a way to forget some day. */
  onFirst: (() => void) | undefined;
  readonly #byKey = new Map<string, PeerPath>();
  #madeRoomMs = -Infinity;

  constructor(private readonly limits: PeerPathLimits) {}

  /** The way to a peer, held until it is released. */
  hold(peer: PeerAddress, nowMs: number): PeerPath {
    let path = this.#byKey.get(peer.key);
    if (path === undefined) {
      const { datagramBytes, maxInFlight, maxWaiting, maxPaths = MAX_PATHS } = this.limits;
      if (this.#byKey.size >= maxPaths) this.#makeRoom(nowMs);
      path = new PeerPath(datagramBytes, maxInFlight, maxWaiting);
      this.#byKey.set(peer.key, path);
      if (this.#byKey.size === 1) this.onFirst?.();
    }
    path.hold();
    path.usedMs = nowMs;
    return path;
  }

  has(peer: PeerAddress): boolean {
    return this.#byKey.has(peer.key);
  }

  /** Forgets ways that nobody has held for a time. */
  sweep(nowMs: number, idleMs = IDLE_MS): void {
    for (const [key, path] of this.#byKey) {
      if (!path.isHeld && nowMs - path.usedMs >= idleMs) this.#byKey.delete(key);
    }
  }

  /** Goes through all of them: while most are held, not for each one that comes. */
  #makeRoom(nowMs: number): void {
    if (nowMs - this.#madeRoomMs < MAKE_ROOM_EVERY_MS) return;
    this.#madeRoomMs = nowMs;
    this.sweep(nowMs, 0);
  }

  /** Requests that wait in line for a place. */
  get waiting(): number {
    let waiting = 0;
    for (const path of this.#byKey.values()) waiting += path.waiting;
    return waiting;
  }

  get size(): number {
    return this.#byKey.size;
  }
}

const MAX_PATHS = 65_536;

const IDLE_MS = 120_000;

const MAKE_ROOM_EVERY_MS = 1000;
