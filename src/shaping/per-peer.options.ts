import { InvalidOptionError } from '../common/invalid-option.error.js';
import { OptionReader, show } from '../common/option-reader.js';
import type { PeerAddress } from '../common/peer-address.js';
import { resolveBandwidth, UNLIMITED, type Bandwidth, type BandwidthOptions } from './bandwidth.options.js';
import { addressKey, resolvePeerKey, type PeerKeyOf, type PeerKeyOption } from './peer-key.js';
import type { Rate } from './rate.js';

/** Limits of each peer, beside those of the transport. */
export interface PerPeerOptions {
  /** What may go to one peer. @default unlimited */
  readonly upload?: Rate | BandwidthOptions;
  /** What may come from one peer; `download.onLimit` says what happens above it. @default unlimited */
  readonly download?: Rate | BandwidthOptions;
  /**
   * What counts as one peer, for these limits and for fairness. A function gets the address and returns one text
   * for one peer; it runs for each datagram, and where it fails, the address counts. @default 'address'
   */
  readonly key?: PeerKeyOption;
  /**
   * How much a peer gets in relation to others while they compete: 2 is twice as much as 1. From 1/16 to 1024;
   * anything else counts as 1. Asked when a peer is first seen. @default () => 1
   */
  readonly weight?: (peer: PeerAddress) => number;
  /**
   * Peers whose limits are remembered, in each direction, 1 to 16777216. While that many are in use, strangers
   * share one limit of the same rate. @default 65536
   */
  readonly maxPeers?: number;
  /**
   * Milliseconds after which an idle peer is forgotten; one is kept as long as it owes bytes or has some queued.
   * @default 120000
   */
  readonly idleTtl?: number;
}

/** {@link PerPeerOptions} after reading, for one direction. */
export interface PeerLimits {
  readonly bandwidth: Bandwidth;
  readonly keyOf: PeerKeyOf;
  readonly weightOf: (peer: PeerAddress) => number;
  readonly maxPeers: number;
  readonly idleTtlMs: number;
  /**
   * Whether an address is known to be the true one; missing where that is not asked. The others share a few limits
   * and the turn of one peer, so that forged addresses take up neither memory nor the turns of true ones.
   */
  readonly isProven?: (peer: PeerAddress) => boolean;
}

/** @throws {InvalidOptionError} naming the field */
export function resolvePerPeer(
  value: unknown,
  field: string,
): { readonly upload: PeerLimits; readonly download: PeerLimits } {
  const reader = new OptionReader(value, field);
  const shared = {
    keyOf: reader.read('key', resolvePeerKey, addressKey),
    weightOf: reader.read('weight', asWeightOf, oneForAll),
    maxPeers: reader.integer('maxPeers', 1, 2 ** 24, DEFAULT_MAX_PEERS),
    idleTtlMs: reader.duration('idleTtl', DEFAULT_IDLE_TTL_MS),
  };
  const upload = { ...shared, bandwidth: reader.read('upload', resolveBandwidth, UNLIMITED) };
  const download = { ...shared, bandwidth: reader.read('download', resolveBandwidth, UNLIMITED) };
  reader.refuseUnknown();
  return Object.freeze({ upload, download });
}

function asWeightOf(value: unknown, field: string): PeerLimits['weightOf'] {
  if (typeof value !== 'function') {
    throw new InvalidOptionError(field, `must be a function of a peer, got ${show(value)}`);
  }
  return (peer) => ask(value as (peer: PeerAddress) => unknown, peer);
}

function ask(weightOf: (peer: PeerAddress) => unknown, peer: PeerAddress): number {
  try {
    const weight = weightOf(peer);
    return typeof weight === 'number' && weight >= MIN_WEIGHT && weight <= MAX_WEIGHT ? weight : 1;
  } catch {
    return 1;
  }
}

function oneForAll(): number {
  return 1;
}

const DEFAULT_MAX_PEERS = 65_536;

const DEFAULT_IDLE_TTL_MS = 120_000;

// A turn of less than a hundred bytes would take many rounds for one datagram.
const MIN_WEIGHT = 1 / 16;

const MAX_WEIGHT = 1024;

/** What holds where the options say nothing: fair between addresses, no limit of their own. */
export const NO_PEER_LIMITS: PeerLimits = Object.freeze({
  bandwidth: UNLIMITED,
  keyOf: addressKey,
  weightOf: oneForAll,
  maxPeers: DEFAULT_MAX_PEERS,
  idleTtlMs: DEFAULT_IDLE_TTL_MS,
});
