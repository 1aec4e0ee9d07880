import type { Queueable } from '../shaping/datagram-queue.js';
import { parseRate, type Rate } from '../shaping/rate.js';
import type { ThrottledQueue } from '../shaping/throttled-queue.js';
import type { DropCounters } from '../telemetry/drop-counters.js';
import type { RateMeter } from '../telemetry/rate-meter.js';
import type { DirectionStats } from '../telemetry/stats.js';
import type { Scheduler } from './scheduler.js';

/** One direction's limit, changeable while it runs. */
export interface Throttle {
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
  /** Figures as of now. */
  stats(): DirectionStats;
}

/** What a {@link Throttle} governs. */
export interface ThrottleParts<T extends Queueable> {
  readonly queue: ThrottledQueue<T>;
  readonly meter: RateMeter;
  readonly drops: DropCounters;
  readonly scheduler: Scheduler;
  /** Called when the limit has changed. */
  readonly onChange: () => void;
}

export function createThrottle<T extends Queueable>(parts: ThrottleParts<T>): Throttle {
  const { queue, meter, drops, scheduler, onChange } = parts;
  return {
    get rate() {
      return queue.bandwidth.rateBytesPerSecond;
    },
    setRate(rate) {
      const rateBytesPerSecond = parseRate(rate);
      queue.setBandwidth({ ...queue.bandwidth, rateBytesPerSecond }, scheduler.now());
      onChange();
    },
    pause() {
      queue.pause(scheduler.now());
      onChange();
    },
    resume() {
      queue.resume(scheduler.now());
      onChange();
    },
    stats() {
      const nowMs = scheduler.now();
      return Object.freeze({
        bytes: meter.bytes,
        datagrams: meter.datagrams,
        bytesPerSecond1s: meter.bytesPerSecond(1000, nowMs),
        bytesPerSecond10s: meter.bytesPerSecond(10_000, nowMs),
        limitBytesPerSecond: queue.bandwidth.rateBytesPerSecond,
        paused: queue.paused,
        queuedBytes: queue.queuedBytes,
        queuedDatagrams: queue.queuedDatagrams,
        queueAgeMs: queue.headAgeMs(nowMs),
        tokens: queue.tokens(nowMs),
        drops: drops.snapshot(),
      });
    },
  };
}
