import { PeerAddress } from '../../src/common/peer-address.js';
import { DEFAULT_RANK } from '../../src/common/traffic-class.js';
import { resolveBandwidth, UNLIMITED, type BandwidthOptions } from '../../src/shaping/bandwidth.options.js';
import { FairShaper } from '../../src/shaping/fair-shaper.js';
import { HandlerLimit } from '../../src/shaping/limit.js';
import { resolvePerPeer, type PerPeerOptions } from '../../src/shaping/per-peer.options.js';
import { resolveQueue, type QueueOptions } from '../../src/shaping/queue.options.js';
import { Shaped } from '../../src/shaping/shaped.js';
import { DEFAULT_TERMS } from '../../src/shaping/traffic-class.options.js';

/** A datagram of {@link DATAGRAM_BYTES}: no more of it than a shaper asks for. */
export class BenchDatagram extends Shaped {
  override readonly rank = DEFAULT_RANK;
  override readonly isUrgent = false;

  constructor(
    override readonly peer: PeerAddress,
    override readonly bytes: number,
    override readonly limit: HandlerLimit | undefined,
  ) {
    super();
  }
}

/** What a shaper of a benchmark is made with, in the words of the options. */
export interface ShaperSettings {
  readonly upload?: unknown;
  readonly perPeer?: PerPeerOptions;
  readonly queue?: QueueOptions;
}

export function createShaper({
  upload,
  perPeer = {},
  queue = {},
}: ShaperSettings): FairShaper<BenchDatagram> {
  const terms = {
    bandwidth: upload === undefined ? UNLIMITED : resolveBandwidth(upload, 'upload'),
    queue: resolveQueue({ maxBytes: '4 GB', maxDatagrams: 1e6, maxPeerBytes: '4 GB', ...queue }, 'queue'),
    peers: resolvePerPeer(perPeer, 'perPeer').upload,
    classes: DEFAULT_TERMS,
    seed: 1,
  };
  return new FairShaper(terms, 0, () => {});
}

export function createHandlerLimit(bandwidth: string | number | BandwidthOptions): HandlerLimit {
  return new HandlerLimit(resolveBandwidth(bandwidth, 'bandwidth'), 0);
}

/** So many addresses, no two alike. */
export function createPeers(count: number): PeerAddress[] {
  return Array.from({ length: count }, (_, number) => peerNo(number));
}

export function peerNo(number: number): PeerAddress {
  return PeerAddress.of(`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`, 4000);
}

/** @throws when a benchmark has not done the work that it was to measure */
export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`the benchmark does not measure what it says: ${what}`);
}

export const DATAGRAM_BYTES = 1200;
