import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import type { PeerAddress } from '../common/peer-address.js';

/**
 * What counts as one peer: an address, an address with its port, a network (/24 of IPv4, /64 of IPv6), or what
 * a function says.
 */
export type PeerKeyOption = 'address' | 'address-port' | 'prefix' | ((peer: PeerAddress) => string);

/** The name under which a peer's limits stand. */
export type PeerKeyOf = (peer: PeerAddress) => string;

/** @throws {InvalidOptionError} naming the field */
export function resolvePeerKey(value: unknown, field: string): PeerKeyOf {
  if (typeof value === 'function') return (peer) => ask(value as (peer: PeerAddress) => unknown, peer);
  const keyOf = KEYS.get(value);
  if (keyOf !== undefined) return keyOf;
  throw new InvalidOptionError(
    field,
    `must be 'address', 'address-port', 'prefix' or a function, got ${show(value)}`,
  );
}

/** Called for each datagram: what a function gets wrong must not stop the rest. */
function ask(keyOf: (peer: PeerAddress) => unknown, peer: PeerAddress): string {
  try {
    const key = keyOf(peer);
    return typeof key === 'string' ? key : peer.address;
  } catch {
    return peer.address;
  }
}

export const addressKey: PeerKeyOf = (peer) => peer.address;

const addressPortKey: PeerKeyOf = (peer) => peer.key;

/** `192.0.2.0/24` or `2001:db8:0:1::/64`: what one customer of a network usually has at the most. */
const prefixKey: PeerKeyOf = ({ address, family }) =>
  family === 'IPv4' ? `${address.slice(0, address.lastIndexOf('.'))}.0/24` : `${ipv6Prefix(address)}::/64`;

/** The first four groups of an IPv6 address, with the zone of one that is known on a link only. */
export function ipv6Prefix(address: string): string {
  const [literal = '', zone] = address.split('%');
  const [front = '', back] = literal.split('::');
  const groups = front === '' ? [] : front.split(':');
  if (back !== undefined) {
    const missing = IPV6_GROUPS - groups.length - (back === '' ? 0 : back.split(':').length);
    for (let i = 0; i < missing; i++) groups.push('0');
    // Addresses end in dotted decimals now and then (RFC 4291 section 2.2), but never within the first half.
    if (back !== '') groups.push(...back.split(':'));
  }
  const prefix = groups.slice(0, IPV6_GROUPS / 2).join(':');
  return zone === undefined ? prefix : `${zone}%${prefix}`;
}

const KEYS: ReadonlyMap<unknown, PeerKeyOf> = new Map([
  ['address', addressKey],
  ['address-port', addressPortKey],
  ['prefix', prefixKey],
]);

const IPV6_GROUPS = 8;
