import type { PeerAddress } from '../common/peer-address.js';
import type { Queueable } from '../shaping/datagram-queue.js';
import { UploadShaper } from '../shaping/upload-shaper.js';
import { DropCounters } from '../telemetry/drop-counters.js';
import { RateMeter } from '../telemetry/rate-meter.js';
import type { OutgoingDatagram } from './datagram-socket.js';
import {
  EndpointClosedError,
  errnoOf,
  MessageTooLargeError,
  NobodyWaitsError,
  QueueOverflowError,
  QueueTimeoutError,
  SendFailedError,
} from './endpoint.errors.js';
import type { EndpointEvents } from './endpoint.events.js';
import type { EndpointOptions } from './endpoint.options.js';
import { LossReport } from './loss-report.js';
import { ReleaseLoop } from './release-loop.js';
import type { Scheduler } from './scheduler.js';
import { SendRetry, type Retryable } from './send-retry.js';
import { createThrottle, type Throttle } from './throttle.js';

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
  readonly throttle: Throttle;
  readonly #shaper: UploadShaper<Outbound>;
  readonly #loop: ReleaseLoop<Outbound>;
  readonly #retry: SendRetry<Outbound>;
  readonly #meter = new RateMeter();
  readonly #losses: LossReport;
  readonly #onDrained = new Set<() => void>();
  /** Datagrams with the kernel or about to be sent again. */
  #underWay = 0;
  #isClosed = false;

  constructor(
    private readonly options: Pick<EndpointOptions, 'upload' | 'queue' | 'maxDatagramSize'>,
    private readonly parts: UplinkParts,
  ) {
    const { scheduler, events, transmit } = parts;
    const drops = new DropCounters();
    this.#shaper = new UploadShaper(options.upload, options.queue, scheduler.now());
    this.#losses = new LossReport('upload', drops, this.#shaper, events);
    this.#retry = new SendRetry<Outbound>(scheduler, transmit);
    this.#loop = new ReleaseLoop(
      this.#shaper,
      scheduler,
      (batch, nowMs) => this.#transmit(batch, nowMs),
      (outbound) => this.#refuse(outbound, 'expired'),
    );
    this.throttle = createThrottle({
      queue: this.#shaper,
      meter: this.#meter,
      drops,
      scheduler,
      onChange: () => this.#loop.aim(),
    });
  }

  /**
   * Sends a datagram when the limit lets it. Never throws; `fate` tells.
   *
   * @param isUrgent short errors and frames: they go first, and may still be queued when replies no longer are
   */
  post(data: Uint8Array, peer: PeerAddress, fate: Fate | undefined, isUrgent: boolean): void {
    const isShort = data.length <= MAX_URGENT_BYTES;
    const outbound = new Outbound(data, peer, fate, isUrgent && isShort, this.#onDone);
    if (this.#isClosed) return this.#abandon(outbound);
    if (data.length > this.options.maxDatagramSize) return this.#refuse(outbound, 'too-large');
    const nowMs = this.parts.scheduler.now();
    const verdict = this.#shaper.offer(outbound, nowMs);
    if (verdict === 'pass') this.#transmit([outbound], nowMs);
    else if (verdict === 'queued') this.#loop.aim();
    else this.#refuse(outbound, verdict);
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
    for (let item = this.#shaper.discard(); item !== undefined; item = this.#shaper.discard()) {
      this.#abandon(item);
    }
    for (const outbound of this.#retry.drain()) outbound.done(new EndpointClosedError());
    this.#tellIfDrained();
  }

  #transmit(released: readonly Outbound[], nowMs: number): void {
    const batch = this.#wanted(released, nowMs);
    this.#underWay += batch.length;
    // What the kernel had no room for goes first.
    const isClear = this.#retry.waiting === 0;
    const sendable = isClear ? batch : batch.filter((outbound) => !this.#retry.joinLine(outbound));
    if (sendable.length > 0) this.parts.transmit(sendable);
    this.#losses.relieved();
  }

  /** What is still wanted; the rest is dropped. */
  #wanted(released: readonly Outbound[], nowMs: number): readonly Outbound[] {
    if (released.every((outbound) => outbound.isWanted(nowMs))) return released;
    return released.filter((outbound) => {
      if (outbound.isWanted(nowMs)) return true;
      this.#refuse(outbound, 'unwanted');
      return false;
    });
  }

  readonly #onDone = (outbound: Outbound, error: Error | undefined): void => {
    if (error !== undefined && !this.#isClosed && this.#retry.take(outbound, error)) return;
    this.#underWay--;
    if (error === undefined) this.#left(outbound);
    else if (error instanceof EndpointClosedError) this.#abandon(outbound);
    else this.#failed(outbound, error);
    this.#tellIfDrained();
  };

  #left(outbound: Outbound): void {
    const nowMs = this.parts.scheduler.now();
    this.#retry.reset();
    this.#meter.add(outbound.bytes, nowMs);
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

  #refuse(outbound: Outbound, reason: RefusalReason): void {
    this.#losses.count(outbound, reason);
    // An error is worth its stack only where somebody takes it.
    outbound.fate?.dropped(this.#refusalOf(outbound, reason));
    this.#tellIfDrained();
  }

  #refusalOf({ peer, bytes }: Outbound, reason: RefusalReason): Error {
    const { queuedBytes, queuedDatagrams, queueLimits } = this.#shaper;
    switch (reason) {
      case 'too-large':
        return new MessageTooLargeError(bytes, this.options.maxDatagramSize);
      case 'expired':
        return new QueueTimeoutError(peer, queuedBytes, queueLimits.maxAgeMs);
      case 'unwanted':
        return new NobodyWaitsError(peer);
      default:
        return new QueueOverflowError(peer, queuedBytes, queueLimits.maxBytes, queuedDatagrams);
    }
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

/** A datagram on its way out. */
class Outbound implements Retryable, Queueable {
  queuedAtMs = 0;
  refusals = 0;

  constructor(
    readonly data: Uint8Array,
    readonly peer: PeerAddress,
    readonly fate: Fate | undefined,
    readonly isUrgent: boolean,
    private readonly onDone: (outbound: Outbound, error: Error | undefined) => void,
  ) {}

  get bytes(): number {
    return this.data.length;
  }

  isWanted(nowMs: number): boolean {
    return this.fate?.leaving?.(nowMs) !== false;
  }

  done(error?: Error): void {
    this.onDone(this, error);
  }
}

type RefusalReason = 'too-large' | 'overflow' | 'expired' | 'exceeded' | 'unwanted';

// Room for an id, a code and a sentence; anything longer waits its turn.
const MAX_URGENT_BYTES = 512;
