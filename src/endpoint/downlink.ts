import type { PeerAddress } from '../common/peer-address.js';
import type { Queueable } from '../shaping/datagram-queue.js';
import { DownloadGate } from '../shaping/download-gate.js';
import type { DownloadLimits } from '../shaping/download.options.js';
import { DropCounters } from '../telemetry/drop-counters.js';
import { RateMeter } from '../telemetry/rate-meter.js';
import type { ReceivedDatagram } from './datagram-socket.js';
import type { EndpointEvents } from './endpoint.events.js';
import { LossReport } from './loss-report.js';
import { ReleaseLoop } from './release-loop.js';
import type { Scheduler } from './scheduler.js';
import { createThrottle, type Throttle } from './throttle.js';

/** A datagram that has passed the download gate. */
export interface InboundDatagram extends Queueable {
  /** The payload; the receiver may keep it. */
  readonly data: Buffer;
  readonly peer: PeerAddress;
  /** When it came from the kernel, monotonic milliseconds. */
  readonly receivedAtMs: number;
}

/** What a downlink needs of the endpoint that it belongs to. */
export interface DownlinkParts {
  readonly scheduler: Scheduler;
  readonly events: EndpointEvents;
  /** Takes what has passed the gate; must not throw. */
  readonly deliver: (datagram: InboundDatagram) => void;
}

/** The way in: kernel, download gate, meter. Every datagram is delivered, or counted as dropped. */
export class Downlink {
  readonly throttle: Throttle;
  readonly #gate: DownloadGate<InboundDatagram>;
  readonly #loop: ReleaseLoop<InboundDatagram>;
  readonly #meter = new RateMeter();
  readonly #losses: LossReport;
  #isClosed = false;

  constructor(
    limits: DownloadLimits,
    private readonly parts: DownlinkParts,
  ) {
    const { scheduler, events } = parts;
    const drops = new DropCounters();
    this.#gate = new DownloadGate(limits, scheduler.now());
    this.#losses = new LossReport('download', drops, this.#gate, events);
    this.#loop = new ReleaseLoop(
      this.#gate,
      scheduler,
      (batch) => batch.forEach((datagram) => this.#deliver(datagram)),
      (datagram) => this.drop(datagram, 'expired'),
    );
    this.throttle = createThrottle({
      queue: this.#gate,
      meter: this.#meter,
      drops,
      scheduler,
      onChange: () => this.#loop.aim(),
    });
  }

  /** Takes what came from the kernel. */
  receive(batch: readonly ReceivedDatagram[]): void {
    if (this.#isClosed) return;
    const nowMs = this.parts.scheduler.now();
    for (const { data, peer } of batch) {
      const datagram = { data, peer, bytes: data.length, receivedAtMs: nowMs, queuedAtMs: nowMs };
      const verdict = this.#gate.offer(datagram, nowMs);
      if (verdict === 'pass') this.#deliver(datagram);
      else if (verdict === 'queued') this.#loop.aim();
      else this.drop(datagram, verdict);
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
    for (let item = this.#gate.discard(); item !== undefined; item = this.#gate.discard()) {
      this.drop(item, 'closed');
    }
  }

  #deliver(datagram: InboundDatagram): void {
    this.#meter.add(datagram.bytes, this.parts.scheduler.now());
    this.#losses.relieved();
    this.parts.deliver(datagram);
  }
}
