import type { ThrottledUdpTransport } from 'nestjs-throttled-udp';
import type { Load } from './load.js';

const BAR_WIDTH = 30;

/** Draws the figures: a bar that redraws itself in a terminal, a line a second elsewhere. */
export class View {
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;

  constructor(
    private readonly transport: ThrottledUdpTransport,
    private readonly load: Load,
    private readonly out: NodeJS.WriteStream,
  ) {
    this.#timer = setInterval(() => (out.isTTY ? this.#redraw() : this.#printLine()), out.isTTY ? 200 : 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What happened, in a few lines. */
  summary(): string {
    const { upload, handlers } = this.transport.stats();
    const seconds = this.#seconds();
    const { asked, answered, refused, unanswered } = this.load;
    return [
      `${seconds.toFixed(1)} s: sent ${kilobytes(upload.bytes)} kB in ${upload.datagrams} datagrams, ` +
        `${kilobytes(upload.bytes / seconds)} kB/s of ${kilobytes(upload.limitBytesPerSecond)} kB/s`,
      `replies that found the queue full: ${upload.drops.overflow?.datagrams ?? 0}, lost without a word: ${handlers.lostReplies}`,
      `client: ${asked} asked, ${answered} answered, ${refused} told of overflow, ${unanswered} unanswered, ` +
        `${asked - answered - refused - unanswered} still waiting`,
    ].join('\n');
  }

  #redraw(): void {
    const { upload } = this.transport.stats();
    const lines = [
      `upload  ${bar(upload.bytesPerSecond1s, upload.limitBytesPerSecond)}  ` +
        `${kilobytes(upload.bytesPerSecond1s)} of ${kilobytes(upload.limitBytesPerSecond)} kB/s`,
      `queue   ${kilobytes(upload.queuedBytes)} kB in ${upload.queuedDatagrams} datagrams, ` +
        `the oldest ${Math.round(upload.queueAgeMs)} ms`,
      `sent    ${upload.datagrams} datagrams, dropped ${upload.drops.overflow?.datagrams ?? 0}`,
      `client  ${this.load.asked} asked, ${this.load.answered} answered, ${this.load.refused} told of overflow`,
    ];
    if (this.#drawn > 0) this.out.moveCursor(0, -this.#drawn);
    for (const line of lines) {
      this.out.clearLine(0);
      this.out.write(`${line}\n`);
    }
    this.#drawn = lines.length;
  }

  #printLine(): void {
    const { upload } = this.transport.stats();
    this.out.write(
      `${this.#seconds().toFixed(0).padStart(3)} s  ${bar(upload.bytesPerSecond1s, upload.limitBytesPerSecond)}  ` +
        `${kilobytes(upload.bytesPerSecond1s)} of ${kilobytes(upload.limitBytesPerSecond)} kB/s  ` +
        `queued ${kilobytes(upload.queuedBytes)} kB  sent ${upload.datagrams}  ` +
        `dropped ${upload.drops.overflow?.datagrams ?? 0}\n`,
    );
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }
}

function bar(value: number, limit: number): string {
  const filled = Math.min(BAR_WIDTH, Math.round((value / limit) * BAR_WIDTH));
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`;
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}
