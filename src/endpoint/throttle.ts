import { isIP } from 'node:net';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import { PeerAddress } from '../common/peer-address.js';
import { TRAFFIC_CLASSES, type ClassRank } from '../common/traffic-class.js';
import { UNLIMITED, withRate, type Bandwidth } from '../shaping/bandwidth.options.js';
import type { FairShaper, LimitChange } from '../shaping/fair-shaper.js';
import { HandlerLimit, type Limit } from '../shaping/limit.js';
import { parseRate, type Rate } from '../shaping/rate.js';
import type { Shaped } from '../shaping/shaped.js';
import type { DirectionFigures } from '../telemetry/direction-figures.js';
import type {
  ClassStats,
  DirectionStats,
  HandlerLimitStats,
  LimitStats,
  PeerStats,
} from '../telemetry/stats.js';
import { TooManyPeersError } from './endpoint.errors.js';
import type { PeerLike } from './host-cache.js';
import type { MutablePassage } from './passage.js';
import type { Scheduler } from './scheduler.js';

/** A limit, changeable while it runs. */
export interface Adjustable {
  /** The limit in bytes per second; `Infinity` when there is none. */
  readonly rate: number;
  /**
   * Changes the limit from now on; what waits follows it. A burst given in bytes stays, any other follows the
   * rate. A debt stays.
   *
   * @throws {InvalidOptionError} the rate cannot be read
   */
  setRate(rate: Rate): void;
  /** Lets nothing through, and gathers no credit, until `resume()`. */
  pause(): void;
  resume(): void;
}

/** One direction's limit. */
export interface Throttle extends Adjustable {
  /** Figures as of now. */
  stats(): DirectionStats;
  /**
   * The limit of one peer, beside that of all.
   *
   * @param peer its key as `perPeer.key` makes it, an address, or a host and a port
   */
  peer(peer: string | PeerLike): PeerThrottle;
}

/** The upload limit of a transport, which has handlers with limits of their own. */
export interface UploadThrottle extends Throttle {
  /**
   * The limit of the replies of one handler, beside those of all and of the peer. One without `@Bandwidth` has
   * none until it is set here.
   *
   * @throws {InvalidOptionError} no handler takes the pattern
   */
  pattern(pattern: unknown): HandlerThrottle;
}

/** The limit of one peer. What is set here stays until `reset()`, and counts among `perPeer.maxPeers`. */
export interface PeerThrottle extends Adjustable {
  /** Gives the peer the limit of all others again. */
  reset(): void;
  /** Figures as of now; what passed and what was dropped is counted from the first call on. */
  stats(): PeerStats;
}

/** The limit of one handler's replies. */
export interface HandlerThrottle extends Adjustable {
  /** Figures as of now. */
  stats(): HandlerLimitStats;
}

/** A shaper, whatever it shapes. */
type AnyShaper = Omit<FairShaper<Shaped>, 'offer' | 'withdraw'>;

/** What a {@link Throttle} governs. */
export interface ThrottleParts {
  readonly shaper: AnyShaper;
  readonly figures: DirectionFigures;
  readonly scheduler: Scheduler;
  /** Called when a limit has changed. */
  readonly onChange: () => void;
}

/** What changes one limit: the base of all throttles. */
abstract class LimitHandle implements Adjustable {
  constructor(protected readonly parts: ThrottleParts) {}

  get rate(): number {
    return this.bandwidth.rateBytesPerSecond;
  }

  setRate(rate: Rate): void {
    const rateBytesPerSecond = parseRate(rate);
    this.#adjust((limit, nowMs) => limit.setBandwidth(withRate(limit.bandwidth, rateBytesPerSecond), nowMs));
  }

  pause(): void {
    this.#adjust((limit, nowMs) => limit.pause(nowMs));
  }

  resume(): void {
    this.#adjust((limit, nowMs) => limit.resume(nowMs));
  }

  protected limitStats(limit: Pick<Limit, 'paused' | 'tokens'> | undefined): LimitStats {
    return {
      limitBytesPerSecond: this.rate,
      paused: limit?.paused ?? false,
      tokens: limit?.tokens(this.parts.scheduler.now()) ?? Infinity,
    };
  }

  protected abstract get bandwidth(): Bandwidth;

  /** Changes the limit, which is made when there is none. */
  protected abstract adjust(change: LimitChange, nowMs: number): void;

  #adjust(change: LimitChange): void {
    this.adjust(change, this.parts.scheduler.now());
    this.parts.onChange();
  }
}

/** The limit of one direction. */
export class DirectionThrottle extends LimitHandle implements UploadThrottle {
  /** Finds the way of a handler's replies by its pattern. */
  findPassage: (pattern: unknown) => MutablePassage | undefined = nothing;

  peer(peer: string | PeerLike): PeerThrottle {
    return new PeerHandle(keyOf(peer, this.parts.shaper), this.parts);
  }

  pattern(pattern: unknown): HandlerThrottle {
    const passage = this.findPassage(pattern);
    if (passage === undefined) throw new InvalidOptionError(`pattern ${show(pattern)}`, 'has no handler');
    return new HandlerHandle(passage, this.parts);
  }

  stats(): DirectionStats {
    const { shaper, figures, scheduler } = this.parts;
    const nowMs = scheduler.now();
    const [timerLatenessP50Ms = 0, timerLatenessP99Ms = 0] = figures.lateness.quantiles(0.5, 0.99);
    const classes = TRAFFIC_CLASSES.map(
      (name, rank) => [name, this.#ofClass(rank as ClassRank, nowMs)] as const,
    );
    return Object.freeze({
      ...figures.total(),
      ...this.limitStats(shaper),
      bytesPerSecond1s: figures.bytesPerSecond(1000, nowMs),
      bytesPerSecond10s: figures.bytesPerSecond(10_000, nowMs),
      queuedBytes: shaper.queuedBytes,
      queuedDatagrams: shaper.queuedDatagrams,
      queueAgeMs: shaper.headAgeMs(nowMs),
      spilledBytes: shaper.spilledBytes,
      timerLatenessP50Ms,
      timerLatenessP99Ms,
      peers: shaper.peers.size,
      classes: Object.freeze(Object.fromEntries(classes)) as DirectionStats['classes'],
    });
  }

  protected override get bandwidth(): Bandwidth {
    return this.parts.shaper.bandwidth;
  }

  protected override adjust(change: LimitChange, nowMs: number): void {
    change(this.parts.shaper, nowMs);
  }

  #ofClass(rank: ClassRank, nowMs: number): ClassStats {
    const { shaper, figures } = this.parts;
    return Object.freeze({ ...figures.ofClass(rank), ...shaper.backlogOfClass(rank, nowMs) });
  }
}

class PeerHandle extends LimitHandle implements PeerThrottle {
  constructor(
    private readonly key: string,
    parts: ThrottleParts,
  ) {
    super(parts);
  }

  reset(): void {
    const { shaper, scheduler, onChange } = this.parts;
    shaper.resetPeer(this.key, scheduler.now());
    onChange();
  }

  stats(): PeerStats {
    const { shaper, figures, scheduler } = this.parts;
    const peer = shaper.peers.get(this.key, scheduler.now());
    return Object.freeze({
      ...figures.ofPeer(this.key),
      ...this.limitStats(peer?.limit),
      ...shaper.backlogOfPeer(peer, scheduler.now()),
    });
  }

  protected override get bandwidth(): Bandwidth {
    const { peers } = this.parts.shaper;
    return peers.pinned(this.key)?.limit.bandwidth ?? peers.bandwidth;
  }

  protected override adjust(change: LimitChange, nowMs: number): void {
    const { shaper } = this.parts;
    if (!shaper.adjustPeer(this.key, change, nowMs)) throw new TooManyPeersError(shaper.peers.size);
  }
}

class HandlerHandle extends LimitHandle implements HandlerThrottle {
  constructor(
    private readonly passage: MutablePassage,
    parts: ThrottleParts,
  ) {
    super(parts);
  }

  stats(): HandlerLimitStats {
    const { limit } = this.passage;
    return Object.freeze({ ...this.limitStats(limit), queuedBytes: limit?.queuedBytes ?? 0 });
  }

  protected override get bandwidth(): Bandwidth {
    return this.passage.limit?.bandwidth ?? UNLIMITED;
  }

  protected override adjust(change: LimitChange, nowMs: number): void {
    this.passage.limit ??= new HandlerLimit(UNLIMITED, nowMs);
    this.parts.shaper.adjust(this.passage.limit, change, nowMs);
  }
}

/** The key of a peer, however a user names it. */
function keyOf(peer: unknown, { peers }: AnyShaper): string {
  if (typeof peer === 'string') {
    return isIP(peer) === 0 ? peer : peers.keyOf(PeerAddress.of(peer, 0));
  }
  const { host, port, address = host } = (peer ?? {}) as Partial<PeerLike & PeerAddress>;
  if (typeof address !== 'string' || isIP(address) === 0 || typeof port !== 'number') {
    throw new InvalidOptionError(
      'peer',
      `must be a key, an address, or an address with a port, got ${show(peer)}`,
    );
  }
  return peers.keyOf(PeerAddress.of(address, port));
}

function nothing(): undefined {}
