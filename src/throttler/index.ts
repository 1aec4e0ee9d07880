/**
 * Limits of requests for each peer, with `@nestjs/throttler`: `nestjs-throttled-udp/throttler`.
 *
 * @packageDocumentation
 */
export { UdpThrottlerGuard, type ThrottledRefusal } from './udp-throttler.guard.js';
