import type { ExchangeStats } from '../telemetry/stats.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What the exchange has done, in figures that only grow. */
export type ExchangeCounts = Writable<Omit<ExchangeStats, ExchangeGauge>>;

/** Figures of the present. */
export type ExchangeGauge =
  | 'waiting'
  | 'running'
  | 'stored'
  | 'storedBytes'
  | 'unproven'
  | 'streams'
  | 'reassemblyBytes'
  | 'undeliveredBytes'
  | 'peers';

export function newExchangeCounts(): ExchangeCounts {
  return {
    retransmissions: 0,
    probes: 0,
    proofs: 0,
    pendings: 0,
    refusedBusy: 0,
    cancelled: 0,
    duplicates: 0,
    duplicatesPending: 0,
    duplicatesAnswered: 0,
    outcomesUnknown: 0,
    leasesExpired: 0,
    unwantedReplies: 0,
    refusedUnproven: 0,
    segmentsSent: 0,
    segmentsRetransmitted: 0,
    segmentsReceived: 0,
    segmentsRepeated: 0,
    segmentsRefused: 0,
    acknowledgements: 0,
    unknownFrames: 0,
  };
}
