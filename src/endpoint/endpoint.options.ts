import { OptionReader } from '../common/option-reader.js';
import { resolveBandwidth, type Bandwidth, type BandwidthOptions } from '../shaping/bandwidth.options.js';
import { byteSizeUpTo, type ByteSize } from '../shaping/byte-size.js';
import { resolveDownload, type DownloadLimits, type DownloadOptions } from '../shaping/download.options.js';
import { resolveOverhead, type CostOf, type Overhead } from '../shaping/overhead.js';
import { resolvePerPeer, type PeerLimits, type PerPeerOptions } from '../shaping/per-peer.options.js';
import { resolveQueue, type QueueOptions, type UploadQueueLimits } from '../shaping/queue.options.js';
import type { Rate } from '../shaping/rate.js';
import {
  resolveTrafficClasses,
  type ClassTerms,
  type TrafficClassesOptions,
} from '../shaping/traffic-class.options.js';
import { NO_AMPLIFICATION_LIMITS, type AmplificationLimits } from './address-validation.options.js';
import { DRIVER_CHOICES, type DriverChoice } from './driver-choice.js';
import { readSourceLists, type SourceFilterOptions, type SourceLists } from './source-filter.options.js';
import { resolveSocketOptions, type SocketOptions, type UdpSocketOptions } from './socket.options.js';

/** Options that a server and a client share: one socket, its limits and its queues. */
export interface UdpEndpointOptions extends SourceFilterOptions {
  /** Limit on all that leaves. 0, `Infinity` and nothing mean unlimited. @default unlimited */
  readonly upload?: Rate | BandwidthOptions;
  /** Limit on all that arrives. @default unlimited */
  readonly download?: Rate | DownloadOptions;
  /** Limits of each peer, beside those above, and what counts as one peer. @default no limits, by address */
  readonly perPeer?: PerPeerOptions;
  /** Bounds of what waits for the upload limit. */
  readonly queue?: QueueOptions;
  /** How traffic classes divide the upload limit where they compete. */
  readonly trafficClasses?: TrafficClassesOptions;
  /** What a datagram costs of all limits and queues beside its payload. @default 'payload' */
  readonly overhead?: Overhead;
  /**
   * Largest datagram sent, in bytes of payload, 1 to 65507. Larger messages travel in segments where the codec
   * carries the exchange and this is 256 or more; else they are refused.
   * @default 1232 where the codec carries the exchange, else 65507
   */
  readonly maxDatagramSize?: number;
  /** Receive buffer asked of the kernel; `stats()` tells what it granted. @default the kernel's */
  readonly recvBufferSize?: ByteSize;
  /** Send buffer asked of the kernel. @default the kernel's */
  readonly sendBufferSize?: ByteSize;
  readonly socket?: UdpSocketOptions;
  /**
   * What moves datagrams: `node:dgram`, or many with one system call (Linux x64 and arm64, with the package `koffi`
   * installed); `auto` takes the second where it can. `stats().driver` tells which it is, `stats().driverReason` why.
   * @default 'auto'
   */
  readonly driver?: DriverChoice;
}

/** {@link UdpEndpointOptions} after reading. */
export interface EndpointOptions {
  /** Host name or address to bind. */
  readonly host: string;
  /** Port to bind; 0 picks a free one. */
  readonly port: number;
  readonly upload: Bandwidth;
  readonly download: DownloadLimits;
  readonly perPeer: { readonly upload: PeerLimits; readonly download: PeerLimits };
  readonly queue: UploadQueueLimits;
  /** By rank. */
  readonly trafficClasses: readonly ClassTerms[];
  readonly costOf: CostOf;
  readonly maxDatagramSize: number;
  readonly amplification: AmplificationLimits;
  readonly sources: SourceLists;
  readonly socket: SocketOptions;
}

/**
 * Reads the fields of an endpoint from an object that holds more of them.
 *
 * @param canSegment whether messages that are larger than a datagram can travel
 * @param amplification how much strangers may be sent
 * @throws {InvalidOptionError} naming the field
 */
export function readEndpointOptions(
  reader: OptionReader,
  host: string,
  port: number,
  canSegment = false,
  amplification = NO_AMPLIFICATION_LIMITS,
): EndpointOptions {
  const maxDatagramSize = canSegment ? UNFRAGMENTED_UDP_PAYLOAD : MAX_UDP_PAYLOAD;
  return Object.freeze({
    host,
    port,
    upload: resolveBandwidth(reader.any('upload'), 'upload'),
    download: resolveDownload(reader.any('download'), 'download'),
    perPeer: resolvePerPeer(reader.any('perPeer'), 'perPeer'),
    queue: resolveQueue(reader.any('queue'), 'queue'),
    trafficClasses: resolveTrafficClasses(reader.any('trafficClasses'), 'trafficClasses'),
    costOf: resolveOverhead(reader.any('overhead'), 'overhead'),
    maxDatagramSize: reader.integer('maxDatagramSize', 1, MAX_UDP_PAYLOAD, maxDatagramSize),
    amplification,
    sources: readSourceLists(reader),
    socket: resolveSocketOptions(
      reader.any('socket'),
      host,
      reader.read<number | undefined>('recvBufferSize', byteSizeUpTo(MAX_BUFFER_SIZE), undefined),
      reader.read<number | undefined>('sendBufferSize', byteSizeUpTo(MAX_BUFFER_SIZE), undefined),
      reader.oneOf('driver', DRIVER_CHOICES, 'auto'),
      port,
    ),
  });
}

// SO_RCVBUF and SO_SNDBUF are C ints: Node throws on a larger one in the middle of bind(), where nobody catches.
const MAX_BUFFER_SIZE = 2 ** 31 - 1;

// 65535 bytes of an IPv4 datagram less 20 of IP header and 8 of UDP header (RFC 791, RFC 768).
const MAX_UDP_PAYLOAD = 65_507;

// 1280 bytes, which every IPv6 path carries whole (RFC 8200 section 5), less 40 of IPv6 and 8 of UDP header.
const UNFRAGMENTED_UDP_PAYLOAD = 1232;
