import { randomInt } from 'node:crypto';
import type { Packet } from '../codec/packet.js';
import { keptBytes } from '../common/kept-bytes.js';
import type { PeerAddress } from '../common/peer-address.js';
import { DEFAULT_RANK, type ClassRank } from '../common/traffic-class.js';
import { DownloadGate } from '../shaping/download-gate.js';
import type { Verdict } from '../shaping/fair-shaper.js';
import type { DownloadLimits } from '../shaping/download.options.js';
import type { CostOf } from '../shaping/overhead.js';
import type { PeerLimits } from '../shaping/per-peer.options.js';
import { Shaped } from '../shaping/shaped.js';
import { DEFAULT_TERMS } from '../shaping/traffic-class.options.js';
import { DirectionFigures } from '../telemetry/direction-figures.js';
import type { ReceivedDatagram } from './datagram-socket.js';
import type { EndpointEvents } from './endpoint.events.js';
import { LossReport } from './loss-report.js';
import type { PlainRecord } from './plain-duplicates.js';
import { ReleaseLoop } from './release-loop.js';
import type { Scheduler } from './scheduler.js';
import type { SourceFilter } from './source-filter.js';
import { DirectionThrottle } from './throttle.js';
import { TurnQueue } from './turn-queue.js';

/** What a downlink needs of the endpoint that it belongs to. */
export interface DownlinkParts {
  readonly scheduler: Scheduler;
  readonly events: EndpointEvents;
  /** Asked before anything else. */
  readonly filter: SourceFilter;
  /** Takes what has passed the gate; must not throw. */
  readonly deliver: (datagram: InboundDatagram, nowMs: number) => void;
  /** Whether a datagram is the reply to a request of ours: within its peer's share it goes first. */
  readonly isAwaited: (datagram: InboundDatagram) => boolean;
  /** Answers what is above the limit with a short error. @returns whether it did */
  readonly turnAway: (datagram: InboundDatagram) => boolean;
}

/** What a downlink reads of the options of its endpoint. */
export interface DownlinkOptions {
  readonly download: DownloadLimits;
  readonly perPeer: { readonly download: PeerLimits };
  readonly costOf: CostOf;
}

/** The way in: kernel, download gate, meter. Every datagram is delivered, or counted as dropped. */
export class Downlink {
  readonly throttle: DirectionThrottle;
  readonly #gate: DownloadGate<InboundDatagram>;
  readonly #loop: ReleaseLoop<InboundDatagram>;
  readonly #figures: DirectionFigures;
  readonly #losses: LossReport;
  readonly #turnQueue: TurnQueue<InboundDatagram>;
  #isClosed = false;

  constructor(
    private readonly options: DownlinkOptions,
    private readonly parts: DownlinkParts,
  ) {
    const { scheduler, events } = parts;
    const { bandwidth, queue, onLimit } = options.download;
    const peers = options.perPeer.download;
    this.#figures = new DirectionFigures(peers.keyOf);
    this.#gate = new DownloadGate(
      { bandwidth, queue, peers, classes: DEFAULT_TERMS, seed: randomInt(2 ** 32) },
      onLimit,
      scheduler.now(),
      (datagram, reason) => this.drop(datagram, reason),
    );
    this.#turnQueue = new TurnQueue(scheduler, (datagram, nowMs) => this.#handOn(datagram, nowMs));
    this.#losses = new LossReport('download', this.#figures, this.#gate, events);
    this.#loop = new ReleaseLoop(
      this.#gate,
      scheduler,
      (batch) => batch.forEach((datagram) => this.#deliver(datagram)),
      (datagram) => this.drop(datagram, 'expired'),
      (latenessMs) => this.#figures.lateness.add(latenessMs),
    );
    this.throttle = new DirectionThrottle({
      shaper: this.#gate,
      figures: this.#figures,
      scheduler,
      onChange: () => this.#loop.aim(),
    });
  }

  /** Takes what came from the kernel. */
  receive(batch: readonly ReceivedDatagram[]): void {
    if (this.#isClosed) return;
    const nowMs = this.parts.scheduler.now();
    for (const { data, peer, isTruncated } of batch) {
      const cost = this.options.costOf(data.length, peer.family);
      const datagram = new InboundDatagram(data, peer, cost, nowMs, this.parts.isAwaited);
      const refusal = this.#refusalOf(peer, isTruncated);
      if (refusal !== undefined) {
        this.drop(datagram, refusal);
        continue;
      }
      const verdict = this.#gate.offer(datagram, nowMs);
      if (verdict === 'pass') this.#deliver(datagram);
      else if (verdict === 'queued') this.#keep(datagram);
      else this.#refuse(datagram, verdict);
    }
  }

  /** Counts a datagram that goes no further. */
  drop(datagram: InboundDatagram, reason: string): void {
    this.#losses.count(datagram, reason);
  }

  /** Takes no more, and drops what is held. */
  close(): void {
    this.#isClosed = true;
    this.#loop.stop();
    const nowMs = this.parts.scheduler.now();
    for (let item = this.#gate.discard(nowMs); item !== undefined; item = this.#gate.discard(nowMs)) {
      this.drop(item, 'closed');
    }
    for (let item = this.#turnQueue.shift(); item !== undefined; item = this.#turnQueue.shift()) {
      this.drop(item, 'closed');
    }
  }

  /** Why a datagram is not even offered to the gate. */
  #refusalOf(peer: PeerAddress, isTruncated: boolean | undefined): string | undefined {
    if (!this.parts.filter.accepts(peer)) return 'filtered';
    if (isTruncated === true) return 'truncated';
    // A datagram before it in its batch may have closed the endpoint.
    return this.#isClosed ? 'closed' : undefined;
  }

  /** It waits for its time. */
  #keep(datagram: InboundDatagram): void {
    datagram.detach();
    this.#loop.aim();
  }

  #refuse(datagram: InboundDatagram, verdict: Exclude<Verdict, 'pass' | 'queued'>): void {
    const isTurnedAway =
      verdict === 'exceeded' && this.options.download.onLimit === 'refuse' && this.parts.turnAway(datagram);
    this.drop(datagram, isTurnedAway ? 'refused' : verdict === 'dropped' ? 'overflow' : verdict);
  }

  #deliver(datagram: InboundDatagram): void {
    if (!this.#turnQueue.take(datagram, this.parts.scheduler.now())) this.drop(datagram, 'overflow');
  }

  #handOn(datagram: InboundDatagram, nowMs: number): void {
    this.#figures.passed(datagram, Math.max(0, nowMs - datagram.receivedAtMs), nowMs);
    this.#losses.relieved();
    this.parts.deliver(datagram, nowMs);
  }
}

/** A datagram that has come from the kernel. */
export class InboundDatagram extends Shaped {
  override readonly rank: ClassRank = DEFAULT_RANK;
  override readonly limit = undefined;
  /** Of a request whose copies are to be recognised. */
  record: PlainRecord | undefined;
  /** What it says, once somebody has read it. */
  packets: readonly Packet[] | undefined;
  #isUrgent: boolean | undefined;

  constructor(
    private payload: Buffer,
    override readonly peer: PeerAddress,
    override readonly bytes: number,
    /** When it came from the kernel, monotonic milliseconds. */
    readonly receivedAtMs: number,
    private readonly isAwaited: (datagram: InboundDatagram) => boolean,
  ) {
    super();
  }

  /** The payload. Whoever keeps it for long {@link detach}es it first. */
  get data(): Buffer {
    return this.payload;
  }

  /** The same, with the bytes that it and others before it carry together. */
  with(data: Buffer): InboundDatagram {
    return new InboundDatagram(data, this.peer, data.length, this.receivedAtMs, this.isAwaited);
  }

  /** The same without its bytes, for whoever needs to know of it alone. */
  withoutData(): InboundDatagram {
    return new InboundDatagram(NOTHING, this.peer, this.bytes, this.receivedAtMs, this.isAwaited);
  }

  /** Lets go of memory that it shares with many others. */
  detach(): void {
    this.payload = keptBytes(this.payload);
  }

  /** Asked only of those that must wait: to know it, somebody must look into the bytes. */
  override get isUrgent(): boolean {
    this.#isUrgent ??= this.isAwaited(this);
    return this.#isUrgent;
  }
}

const NOTHING = Buffer.alloc(0);
