import { PeerAddress } from '../../src/common/peer-address.js';
import { DEFAULT_RANK, type ClassRank } from '../../src/common/traffic-class.js';
import { UNLIMITED } from '../../src/shaping/bandwidth.options.js';
import { FairShaper, type QueueDropReason, type ShaperTerms } from '../../src/shaping/fair-shaper.js';
import type { HandlerLimit } from '../../src/shaping/limit.js';
import { NO_PEER_LIMITS } from '../../src/shaping/per-peer.options.js';
import type { QueueLimits } from '../../src/shaping/queue.options.js';
import { Shaped } from '../../src/shaping/shaped.js';
import { DEFAULT_TERMS } from '../../src/shaping/traffic-class.options.js';

/** A datagram for shapers. */
export class TestDatagram extends Shaped {
  override readonly bytes: number;
  override readonly peer: PeerAddress;
  override readonly rank: ClassRank;
  override readonly limit: HandlerLimit | undefined;
  override readonly isUrgent: boolean;
  readonly id: number;

  constructor(of: Partial<Pick<TestDatagram, 'bytes' | 'peer' | 'rank' | 'limit' | 'isUrgent' | 'id'>> = {}) {
    super();
    this.bytes = of.bytes ?? 100;
    this.peer = of.peer ?? PEER;
    this.rank = of.rank ?? DEFAULT_RANK;
    this.limit = of.limit;
    this.isUrgent = of.isUrgent ?? false;
    this.id = of.id ?? 0;
  }
}

/** A peer of its own for each number. */
export function peerNo(number: number): PeerAddress {
  return PeerAddress.of(`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`, 4000);
}

/** What shapers of tests are made with, unless a test says otherwise. */
export const TERMS: ShaperTerms = {
  bandwidth: UNLIMITED,
  queue: {
    maxBytes: 1e9,
    maxDatagrams: 1e6,
    maxPeerBytes: 1e9,
    maxAgeMs: Infinity,
    overflow: 'reject',
    aqm: 'none',
  },
  peers: NO_PEER_LIMITS,
  classes: DEFAULT_TERMS,
  seed: 1,
};

export function createShaper(
  terms: Partial<Omit<ShaperTerms, 'queue'>> & { readonly queue?: Partial<QueueLimits> } = {},
  onDrop: (item: TestDatagram, reason: QueueDropReason) => void = () => {},
): FairShaper<TestDatagram> {
  return new FairShaper({ ...TERMS, ...terms, queue: { ...TERMS.queue, ...terms.queue } }, 0, onDrop);
}

const PEER = peerNo(1);
