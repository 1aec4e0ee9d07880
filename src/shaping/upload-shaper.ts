import type { Queueable } from './datagram-queue.js';
import { ThrottledQueue } from './throttled-queue.js';

/**
 * Decides when each outbound datagram leaves: at once, later, or never.
 *
 * Today every datagram waits in one line. The order of release is this room's own affair: callers offer, and
 * take what `release` gives them.
 */
export class UploadShaper<T extends Queueable> extends ThrottledQueue<T> {}
