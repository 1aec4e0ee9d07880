import { randomInt } from 'node:crypto';
import type { PeerAddress } from '../common/peer-address.js';
import type { ClassRank } from '../common/traffic-class.js';
import { RESERVE } from '../shaping/backlog.js';
import { FairShaper, type Verdict } from '../shaping/fair-shaper.js';
import type { HandlerLimit } from '../shaping/limit.js';
import { Shaped, UNQUEUED } from '../shaping/shaped.js';
import { DirectionFigures } from '../telemetry/direction-figures.js';
import type { LazyBytes, OutgoingDatagram } from './datagram-socket.js';
import {
  DatagramDroppedError,
  EndpointClosedError,
  errnoOf,
  MessageTooLargeError,
  NobodyWaitsError,
  QueueOverflowError,
  QueueTimeoutError,
  SendFailedError,
  UnprovenAddressError,
} from './endpoint.errors.js';
import type { EndpointEvents } from './endpoint.events.js';
import type { EndpointOptions } from './endpoint.options.js';
import { LossReport } from './loss-report.js';
import type { Passage } from './passage.js';
import { ReleaseLoop } from './release-loop.js';
import type { Scheduler } from './scheduler.js';
import { SendRetry, type Retryable } from './send-retry.js';
import { DirectionThrottle } from './throttle.js';

/** Told what became of a datagram: `left` or `dropped`, exactly once. */
export interface Fate {
  /**
   * Asked at the last instant, perhaps twice, whether it is still wanted; its bytes, though not their number,
   * may be changed then. `false` drops it with a {@link NobodyWaitsError}.
   */
  leaving?(nowMs: number): boolean;
  /** The kernel has it. */
  left(nowMs: number): void;
  /** It will never leave. */
  dropped(error: Error): void;
}

/** What an uplink needs of the endpoint that it belongs to. */
export interface UplinkParts {
  readonly scheduler: Scheduler;
  readonly events: EndpointEvents;
  /** Hands datagrams to the kernel. */
  readonly transmit: (batch: readonly OutgoingDatagram[]) => void;
  /** The machine of a connected peer says that nobody listens. */
  readonly onUnreachable: (error: Error) => void;
}

/** The way out: upload shaper, kernel, meter. Every datagram that is posted ends in exactly one fate. */
export class Uplink {
  readonly throttle: DirectionThrottle;
  readonly #shaper: FairShaper<Outbound>;
  readonly #loop: ReleaseLoop<Outbound>;
  readonly #retry: SendRetry<Outbound>;
  readonly #figures: DirectionFigures;
  readonly #losses: LossReport;
  readonly #onDrained = new Set<() => void>();
  /** Datagrams with the kernel or about to be sent again. */
  #underWay = 0;
  #underWayBytes = 0;
  #isClosed = false;

  constructor(
    private readonly options: UplinkOptions,
    private readonly parts: UplinkParts,
  ) {
    const { scheduler, events, transmit } = parts;
    const { upload: bandwidth, queue, perPeer, trafficClasses: classes } = options;
    this.#figures = new DirectionFigures(perPeer.upload.keyOf);
    this.#shaper = new FairShaper(
      { bandwidth, queue, peers: perPeer.upload, classes, seed: randomInt(2 ** 32) },
      scheduler.now(),
      (item, reason) => (reason === 'unwanted' ? this.#refuse(item, reason) : this.#lose(item, reason)),
    );
    this.#losses = new LossReport('upload', this.#figures, this.#shaper, events);
    this.#retry = new SendRetry<Outbound>(scheduler, transmit);
    this.#loop = new ReleaseLoop(
      this.#shaper,
      scheduler,
      (batch, nowMs) => this.#transmit(batch, nowMs),
      (outbound) => this.#refuse(outbound, 'expired'),
      (latenessMs) => this.#figures.lateness.add(latenessMs),
    );
    this.throttle = new DirectionThrottle({
      shaper: this.#shaper,
      figures: this.#figures,
      scheduler,
      onChange: () => this.#loop.aim(),
    });
  }

  /**
   * Sends a datagram when the limits let it. Never throws; `fate` tells.
   *
   * @returns what {@link withdraw} takes
   */
  post(data: Uint8Array | LazyBytes, peer: PeerAddress, fate: Fate | undefined, passage: Passage): Outbound {
    const bytes = this.options.costOf(data.length, peer.family);
    const outbound = new Outbound(data, peer, bytes, fate, passage, this.#onDone);
    if (this.#isClosed) this.#abandon(outbound);
    else if (data.length > this.options.maxDatagramSize) this.#refuse(outbound, 'too-large');
    else if (this.#isKernelBehind(outbound)) this.#refuse(outbound, 'overflow');
    else if (passage.isUnmetered) this.#transmitOne(outbound, this.parts.scheduler.now());
    else this.#offer(outbound);
    return outbound;
  }

  /** Counts a datagram that may not go to an address that has not proved itself, and tells its fate. */
  withhold(data: Uint8Array | LazyBytes, peer: PeerAddress, fate: Fate | undefined, passage: Passage): void {
    const bytes = this.options.costOf(data.length, peer.family);
    this.#losses.count(new Outbound(data, peer, bytes, fate, passage, this.#onDone), 'amplification');
    fate?.dropped(new UnprovenAddressError(peer, data.length));
  }

  /** Takes a datagram back that still waits. @returns false when it does not */
  withdraw(outbound: Outbound, error: Error): boolean {
    if (!this.#shaper.withdraw(outbound, this.parts.scheduler.now())) return false;
    this.#losses.count(outbound, 'aborted');
    outbound.fate?.dropped(error);
    this.#loop.aim();
    this.#tellIfDrained();
    return true;
  }

  /**
   * How long what waits before the reply to a new request takes, where that is too long: then the request is better
   * refused than answered.
   *
   * @returns milliseconds, more than `queue.busyAfter`; 0 when there is time for it
   */
  busyForMs(peer: PeerAddress, { rank, limit, isUnmetered }: Passage): number {
    const { busyAfterMs } = this.options.queue;
    if (isUnmetered || this.#shaper.queuedDatagrams === 0) return 0;
    const backlogMs = this.#shaper.backlogMs({ peer, rank, limit }, this.parts.scheduler.now());
    return backlogMs > busyAfterMs ? backlogMs : 0;
  }

  /** Resolves when nothing waits to leave. */
  async drained(): Promise<void> {
    if (!this.#isDrained) await new Promise<void>((resolve) => this.#onDrained.add(resolve));
  }

  /** Drops what still waits. What the kernel was given ends when the socket closes. */
  close(): void {
    // First of all: whoever is told of a dropped datagram must find that no other one is taken.
    this.#isClosed = true;
    this.#loop.stop();
    const nowMs = this.parts.scheduler.now();
    for (let item = this.#shaper.discard(nowMs); item !== undefined; item = this.#shaper.discard(nowMs)) {
      this.#abandon(item);
    }
    for (const outbound of this.#retry.drain()) outbound.done(new EndpointClosedError());
    this.#tellIfDrained();
  }

  #offer(outbound: Outbound): void {
    const nowMs = this.parts.scheduler.now();
    const verdict = this.#shaper.offer(outbound, nowMs);
    if (verdict === 'pass') this.#transmitOne(outbound, nowMs);
    else if (verdict === 'queued') this.#loop.aim();
    else if (verdict === 'dropped') this.#lose(outbound, 'overflow');
    else this.#refuse(outbound, verdict);
  }

  #transmit(released: readonly Outbound[], nowMs: number): void {
    const batch = released.filter((outbound) => this.#mayLeave(outbound, nowMs));
    if (batch.length > 0) this.parts.transmit(batch);
    this.#losses.relieved();
  }

  #transmitOne(outbound: Outbound, nowMs: number): void {
    if (this.#mayLeave(outbound, nowMs)) this.parts.transmit([outbound]);
    this.#losses.relieved();
  }

  /** Whether a datagram goes to the kernel now: it is still wanted, and none waits that the kernel had no room for. */
  #mayLeave(outbound: Outbound, nowMs: number): boolean {
    if (!outbound.isWanted(nowMs)) {
      this.#refuse(outbound, 'unwanted');
      return false;
    }
    this.#underWay++;
    this.#underWayBytes += outbound.bytes;
    return !this.#retry.joinLine(outbound);
  }

  readonly #onDone = (outbound: Outbound, error: Error | undefined): void => {
    if (error !== undefined && !this.#isClosed && this.#retry.take(outbound, error)) return;
    this.#underWay--;
    this.#underWayBytes -= outbound.bytes;
    if (error === undefined) this.#left(outbound);
    else if (error instanceof EndpointClosedError) this.#abandon(outbound);
    else this.#failed(outbound, error);
    this.#tellIfDrained();
  };

  #left(outbound: Outbound): void {
    const nowMs = this.parts.scheduler.now();
    this.#retry.reset();
    this.#figures.passed(outbound, outbound.waitedMs(nowMs), nowMs);
    outbound.fate?.left(nowMs);
  }

  #failed(outbound: Outbound, cause: Error): void {
    this.#losses.count(outbound, 'send-failed');
    // First: whoever waits for this peer learns that it is unreachable, not that one datagram has failed.
    if (errnoOf(cause) === 'ECONNREFUSED') this.parts.onUnreachable(cause);
    outbound.fate?.dropped(new SendFailedError(outbound.peer, cause));
  }

  #abandon(outbound: Outbound): void {
    this.#losses.count(outbound, 'closed');
    outbound.fate?.dropped(new EndpointClosedError());
  }

  /** Dropped as a network drops: counted, and its sender told, but no peer. */
  #lose(outbound: Outbound, reason: 'overflow' | 'aqm'): void {
    this.#losses.count(outbound, reason);
    outbound.fate?.dropped(new DatagramDroppedError(outbound.peer, reason));
    this.#tellIfDrained();
  }

  #refuse(outbound: Outbound, reason: RefusalReason): void {
    this.#losses.count(outbound, reason);
    // An error is worth its stack only where somebody takes it.
    outbound.fate?.dropped(this.#refusalOf(outbound, reason));
    this.#tellIfDrained();
  }

  #refusalOf({ peer, length, bytes }: Outbound, reason: RefusalReason): Error {
    switch (reason) {
      case 'too-large':
        return new MessageTooLargeError(length, this.options.maxDatagramSize);
      case 'expired':
        return new QueueTimeoutError(peer, this.#shaper.queuedBytes, this.options.queue.maxAgeMs);
      case 'unwanted':
        return new NobodyWaitsError(peer);
      default:
        return this.#overflowOf(peer, bytes);
    }
  }

  /** Names the bound that was met: of what the kernel has not taken, of what waits for one peer, or for all. */
  #overflowOf(peer: PeerAddress, bytes: number): QueueOverflowError {
    const { maxBytes, maxPeerBytes } = this.options.queue;
    if (this.#isKernelBehind({ bytes, isUrgent: false })) {
      return new QueueOverflowError(peer, this.#underWayBytes, maxBytes, this.#underWay);
    }
    const shaper = this.#shaper;
    const nowMs = this.parts.scheduler.now();
    const ofPeer = shaper.backlogOfPeer(shaper.peers.awake(peer, nowMs), nowMs);
    return ofPeer.queuedBytes + bytes > maxPeerBytes
      ? new QueueOverflowError(peer, ofPeer.queuedBytes, maxPeerBytes, ofPeer.queuedDatagrams)
      : new QueueOverflowError(peer, shaper.queuedBytes, maxBytes, shaper.queuedDatagrams);
  }

  /** Node keeps what it was given until the kernel has it: the bounds of the queue hold for that too. */
  #isKernelBehind({ bytes, isUrgent }: Pick<Outbound, 'bytes' | 'isUrgent'>): boolean {
    const { maxBytes, maxDatagrams } = this.options.queue;
    const share = isUrgent ? 1 + RESERVE : 1;
    if (this.#underWay === 0) return false;
    return this.#underWayBytes + bytes > share * maxBytes || this.#underWay >= share * maxDatagrams;
  }

  get #isDrained(): boolean {
    return this.#underWay === 0 && this.#shaper.queuedDatagrams === 0;
  }

  #tellIfDrained(): void {
    if (this.#onDrained.size === 0 || !this.#isDrained) return;
    for (const tell of this.#onDrained) tell();
    this.#onDrained.clear();
  }
}

/** What an uplink reads of the options of its endpoint. */
type UplinkOptions = Pick<
  EndpointOptions,
  'upload' | 'queue' | 'perPeer' | 'trafficClasses' | 'costOf' | 'maxDatagramSize'
>;

/** A datagram on its way out. */
export class Outbound extends Shaped implements Retryable {
  override readonly rank: ClassRank;
  override readonly limit: HandlerLimit | undefined;
  override readonly isUrgent: boolean;
  refusals = 0;
  readonly length: number;
  readonly lazy: LazyBytes | undefined;
  readonly #data: Uint8Array | undefined;

  constructor(
    data: Uint8Array | LazyBytes,
    override readonly peer: PeerAddress,
    override readonly bytes: number,
    readonly fate: Fate | undefined,
    passage: Passage,
    private readonly onDone: (outbound: Outbound, error: Error | undefined) => void,
  ) {
    super();
    this.length = data.length;
    if (isLazy(data)) this.lazy = data;
    else this.#data = data;
    this.rank = passage.rank;
    this.limit = passage.limit;
    this.isUrgent = passage.isUrgent && data.length <= MAX_URGENT_BYTES;
  }

  get data(): Uint8Array {
    return this.#data ?? (this.lazy as LazyBytes).toBytes();
  }

  override isWanted(nowMs: number): boolean {
    return this.fate?.leaving?.(nowMs) !== false;
  }

  done(error?: Error): void {
    this.onDone(this, error);
  }

  /** Milliseconds from the queue to the kernel; 0 when it did not wait. */
  waitedMs(nowMs: number): number {
    return this.queuedAtMs === UNQUEUED ? 0 : Math.max(0, nowMs - this.queuedAtMs);
  }
}

function isLazy(data: Uint8Array | LazyBytes): data is LazyBytes {
  return (data as LazyBytes).writeTo !== undefined;
}

type RefusalReason = 'too-large' | 'unwanted' | Exclude<Verdict, 'pass' | 'queued' | 'dropped'>;

// Room for an id, a code and a sentence; anything longer waits its turn.
const MAX_URGENT_BYTES = 512;
