import { BlockList } from 'node:net';
import type { PeerAddress } from '../common/peer-address.js';
import { resolveRanges, type AddressRange, type SourceLists } from './source-filter.options.js';

/**
 * Whose datagrams are taken at all: asked of each one before anything else is done with it.
 *
 * `deny` wins over `allow`; an empty `allow` means everybody. IPv4 ranges are of IPv4 peers and IPv6 ranges of IPv6
 * peers, where an IPv4-mapped address counts as IPv4. The zone of an address (`%eth0`) is not looked at.
 */
export class SourceFilter {
  #allow: RangeSet;
  #deny: RangeSet;
  /** Asking a list costs as much as receiving a datagram: what was found is kept for some addresses. */
  readonly #found = new Map<string, boolean>();

  constructor({ allow, deny }: SourceLists) {
    this.#allow = new RangeSet(allow);
    this.#deny = new RangeSet(deny);
  }

  /**
   * Takes datagrams of these sources only, from now on. What has been let in already goes on its way.
   *
   * @param ranges addresses and CIDR ranges; an empty list means everybody
   * @throws {InvalidOptionError} naming the entry that is neither; then all stays as it was
   */
  setAllow(ranges: readonly string[]): void {
    this.#allow = new RangeSet(resolveRanges(ranges, 'allow'));
    this.#found.clear();
  }

  /** Takes nothing of these sources from now on, whatever `allow` says. As {@link setAllow}. */
  setDeny(ranges: readonly string[]): void {
    this.#deny = new RangeSet(resolveRanges(ranges, 'deny'));
    this.#found.clear();
  }

  /** As it was given. */
  get allow(): readonly string[] {
    return this.#allow.texts;
  }

  /** As it was given. */
  get deny(): readonly string[] {
    return this.#deny.texts;
  }

  /** Whether the datagrams of a peer are taken. */
  accepts({ address, family }: PeerAddress): boolean {
    const hasAllow = this.#allow.texts.length > 0;
    if (!hasAllow && this.#deny.texts.length === 0) return true;
    const known = this.#found.get(address);
    if (known !== undefined) return known;
    const zone = address.indexOf('%');
    const bare = zone < 0 ? address : address.slice(0, zone);
    const isAccepted = (!hasAllow || this.#allow.has(bare, family)) && !this.#deny.has(bare, family);
    // Whoever forges addresses must not fill the memory: then it begins anew.
    if (this.#found.size >= MAX_FOUND) this.#found.clear();
    this.#found.set(address, isAccepted);
    return isAccepted;
  }
}

class RangeSet {
  readonly texts: readonly string[];
  readonly #ranges = { IPv4: new BlockList(), IPv6: new BlockList() };

  constructor(ranges: readonly AddressRange[]) {
    this.texts = Object.freeze(ranges.map(({ text }) => text));
    for (const { family, address, prefix } of ranges) {
      this.#ranges[family].addSubnet(address, prefix, TYPES[family]);
    }
  }

  has(address: string, family: PeerAddress['family']): boolean {
    return this.#ranges[family].check(address, TYPES[family]);
  }
}

const TYPES = { IPv4: 'ipv4', IPv6: 'ipv6' } as const;

const MAX_FOUND = 4096;
