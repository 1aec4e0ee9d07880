/**
 * For tests of code that uses this package, and of codecs: `nestjs-throttled-udp/testing`.
 *
 * @packageDocumentation
 */
export {
  runCodecConformance,
  type CodecConformanceSummary,
  type CodecSample,
  type CodecSamples,
} from './codec-conformance.js';
export { ManualClock } from './manual-clock.js';
export { SeededRandom } from './seeded-random.js';
export { runSocketConformance, SOCKET_CHECKS, type SocketCheck } from './socket-conformance.js';
export {
  VirtualNetwork,
  type VirtualEnvironment,
  type NetworkConditions,
  type NetworkCounters,
  type VirtualNetworkOptions,
} from './virtual-network.js';
