import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The longest time in which an event loop did nothing else. */
export interface Stall {
  /** As `monitorEventLoopDelay` has it, less its own period. */
  readonly wallMs: number;
  /** Processor time of its thread within the longest gap of a timer: what it did itself, not what others did. */
  readonly cpuMs: number;
}

/** Watches the event loop of its process. */
export class StallWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: PERIOD_MS });
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;
  #lastCpuMs = 0;
  #cpuMs = 0;

  start(): void {
    this.#histogram.reset();
    this.#histogram.enable();
    this.#lastMs = performance.now();
    this.#lastCpuMs = cpuMs();
    this.#cpuMs = 0;
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS);
  }

  /** What was seen since the last start. Starts no new watch. */
  stop(): Stall {
    this.#tick();
    clearInterval(this.#timer);
    this.#histogram.disable();
    return { wallMs: Math.max(0, this.#histogram.max / 1e6 - PERIOD_MS), cpuMs: this.#cpuMs };
  }

  #tick(): void {
    const nowMs = performance.now();
    const nowCpuMs = cpuMs();
    if (nowMs - this.#lastMs - PERIOD_MS > this.#cpuMs) {
      this.#cpuMs = Math.max(this.#cpuMs, Math.min(nowCpuMs - this.#lastCpuMs, nowMs - this.#lastMs));
    }
    this.#lastMs = nowMs;
    this.#lastCpuMs = nowCpuMs;
  }
}

/** Processor time of the thread that runs the event loop, where the system tells; else of the whole process. */
function cpuMs(): number {
  try {
    return Number(readFileSync(SCHEDULED, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
}

// Linux: nanoseconds on a processor come first; the main thread has the number of its process.
const SCHEDULED = `/proc/self/task/${process.pid}/schedstat`;

const PERIOD_MS = 5;
