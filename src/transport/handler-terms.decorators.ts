import { rankOf, type TrafficClassName } from '../common/traffic-class.js';
import { resolveBandwidth, type BandwidthOptions } from '../shaping/bandwidth.options.js';
import type { Rate } from '../shaping/rate.js';
import { withTerms } from './handler-terms.js';

/**
 * Limits the replies of a handler, beside the limits of the peer and of the transport. Several patterns of one
 * handler share the limit; on a controller, each handler that says nothing itself gets one of its own.
 *
 * ```ts
 * @MessagePattern('list') @Bandwidth('20 kB/s') async *list() { ... }
 * ```
 *
 * @param bandwidth bytes per second, text such as `'2 Mbit/s'`, or an object with `rate`, `burst` and the rest
 * @throws {InvalidOptionError} it cannot be read
 */
export function Bandwidth(bandwidth: Rate | BandwidthOptions): ClassDecorator & MethodDecorator {
  return withTerms({ bandwidth: resolveBandwidth(bandwidth, '@Bandwidth') });
}

/**
 * Lets the replies of a handler, or of a controller's handlers, leave at once: they pass no limit and no queue,
 * and are counted in none. For what must not wait, such as an answer to a health check.
 */
export function Unmetered(): ClassDecorator & MethodDecorator {
  return withTerms({ bandwidth: 'unmetered' });
}

/**
 * Puts the replies of a handler, or of a controller's handlers, into a traffic class: `control` goes before
 * `interactive`, the default, and that before `bulk`, each within its share.
 *
 * @throws {InvalidOptionError} there is no such class
 */
export function TrafficClass(name: TrafficClassName): ClassDecorator & MethodDecorator {
  return withTerms({ rank: rankOf(name, '@TrafficClass') });
}
