import type { DirectionFigures, Countable } from '../telemetry/direction-figures.js';
import type { QueueLimits } from '../shaping/queue.options.js';
import type { EndpointEvents } from './endpoint.events.js';

/** What must be known of a queue to tell whether it is full. */
export interface QueueFigures {
  readonly queuedBytes: number;
  readonly queuedDatagrams: number;
  readonly queueLimits: QueueLimits;
}

/** Counts what one direction of an endpoint drops, and tells those who listen. */
export class LossReport {
  #isFull = false;

  constructor(
    private readonly direction: 'upload' | 'download',
    private readonly figures: DirectionFigures,
    private readonly queue: QueueFigures,
    private readonly events: EndpointEvents,
  ) {}

  count(item: Countable, reason: string): void {
    const { direction } = this;
    const { bytes, peer } = item;
    this.figures.dropped(item, reason);
    if (reason === 'overflow') this.#tellOverflow();
    if (this.events.has('drop')) this.events.emit('drop', { direction, reason, bytes, peer });
  }

  /** To be called when something has left the queue: once it is half empty, the next overflow is told again. */
  relieved(): void {
    if (!this.#isFull) return;
    const { queuedBytes, queuedDatagrams, queueLimits } = this.queue;
    const isBytesHalf = queuedBytes <= queueLimits.maxBytes / 2;
    this.#isFull = !(isBytesHalf && queuedDatagrams <= queueLimits.maxDatagrams / 2);
  }

  #tellOverflow(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const { queuedBytes, queuedDatagrams } = this.queue;
    this.events.emit('overflow', { direction: this.direction, queuedBytes, queuedDatagrams });
  }
}
