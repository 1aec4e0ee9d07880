import { isIP, SocketAddress } from 'node:net';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show, type OptionReader } from '../common/option-reader.js';
import { PeerAddress, type AddressFamily } from '../common/peer-address.js';

/** Whose datagrams a socket takes. */
export interface SourceFilterOptions {
  /**
   * Addresses and CIDR ranges whose datagrams are taken: `'192.0.2.1'`, `'10.0.0.0/8'`, `'2001:db8::/32'`. Of all
   * others nothing is even read. An empty list means everybody. @default everybody
   */
  readonly allow?: readonly string[];
  /** Addresses and CIDR ranges whose datagrams are dropped, whatever `allow` says. @default nobody */
  readonly deny?: readonly string[];
}

/** One entry of a list. */
export interface AddressRange {
  /** As it was given. */
  readonly text: string;
  readonly address: string;
  readonly family: AddressFamily;
  /** Leading bits that count. */
  readonly prefix: number;
}

/** {@link SourceFilterOptions} after reading. */
export interface SourceLists {
  readonly allow: readonly AddressRange[];
  readonly deny: readonly AddressRange[];
}

/** @throws {InvalidOptionError} naming the entry that is neither an address nor a range */
export function readSourceLists(reader: OptionReader): SourceLists {
  return Object.freeze({
    allow: reader.read('allow', resolveRanges, NONE),
    deny: reader.read('deny', resolveRanges, NONE),
  });
}

/** @throws {InvalidOptionError} not a list, or an entry is neither an address nor a range */
export function resolveRanges(value: unknown, field: string): readonly AddressRange[] {
  if (!Array.isArray(value)) {
    throw new InvalidOptionError(field, `must be a list of addresses and CIDR ranges, got ${show(value)}`);
  }
  return Object.freeze(value.map((entry: unknown, index) => asRange(entry, `${field}[${index}]`)));
}

function asRange(value: unknown, field: string): AddressRange {
  const range = typeof value === 'string' ? parse(value) : undefined;
  if (range !== undefined) return range;
  throw new InvalidOptionError(field, `must be an address or a CIDR range, got ${show(value)}`);
}

function parse(text: string): AddressRange | undefined {
  const [, host, , bits] = RANGE.exec(text) ?? [];
  if (host === undefined) return undefined;
  const version = isIP(host);
  if (version === 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : Number(bits);
  if (prefix > longest) return undefined;
  if (version === 4) return Object.freeze({ text, address: host, family: 'IPv4', prefix });
  const { address, family } = PeerAddress.of(new SocketAddress({ address: host, family: 'ipv6' }).address, 0);
  if (family === 'IPv6') return Object.freeze({ text, address, family, prefix });
  // Mapped: peers are seen by their IPv4 address, whatever the socket.
  return prefix < MAPPED_BITS
    ? Object.freeze({ text, address: host, family: 'IPv6', prefix })
    : Object.freeze({ text, address, family, prefix: prefix - MAPPED_BITS });
}

// An address, a zone that means nothing here, and the bits that count.
const RANGE = /^([\d.:a-f]+)(%[^/%]+)?(?:\/(\d{1,3}))?$/i;

// ::ffff:0:0/96, see RFC 4291 section 2.5.5.2.
const MAPPED_BITS = 96;

const NONE: readonly AddressRange[] = Object.freeze([]);
