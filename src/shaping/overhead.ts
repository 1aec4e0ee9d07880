import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import type { AddressFamily } from '../common/peer-address.js';

/**
 * What a datagram costs beside its payload: nothing (`'payload'`), its IP and UDP headers (`'ip'`: 28 bytes over
 * IPv4, 48 over IPv6), a whole Ethernet frame with preamble and gap (`'ethernet'`: 38 more, 84 at least), or a
 * number of bytes for each datagram.
 */
export type Overhead = 'payload' | 'ip' | 'ethernet' | number;

/** Bytes that a datagram costs. */
export type CostOf = (payloadBytes: number, family: AddressFamily) => number;

/**
 * @returns how to count datagrams
 * @throws {InvalidOptionError} naming the field
 */
export function resolveOverhead(value: unknown, field: string): CostOf {
  switch (value) {
    case undefined:
    case 'payload':
      return payloadAlone;
    case 'ip':
      return withIpHeaders;
    case 'ethernet':
      return withEthernetFrame;
  }
  if (typeof value === 'number' && value >= 0 && value <= MAX_OVERHEAD) return (bytes) => bytes + value;
  throw new InvalidOptionError(
    field,
    `must be 'payload', 'ip', 'ethernet' or 0 to ${MAX_OVERHEAD} bytes a datagram, got ${show(value)}`,
  );
}

/** The default: limits count payload. */
export const payloadAlone: CostOf = (payloadBytes) => payloadBytes;

const withIpHeaders: CostOf = (payloadBytes, family) =>
  payloadBytes + UDP_HEADER + (family === 'IPv6' ? IPV6_HEADER : IPV4_HEADER);

const withEthernetFrame: CostOf = (payloadBytes, family) =>
  Math.max(SHORTEST_FRAME, withIpHeaders(payloadBytes, family) + ETHERNET);

const UDP_HEADER = 8; // RFC 768

const IPV4_HEADER = 20; // RFC 791 section 3.1, without options

const IPV6_HEADER = 40; // RFC 8200 section 3

// Preamble 8, header 14, checksum 4, gap 12 (IEEE 802.3): what a link of Ethernet carries beside the packet.
const ETHERNET = 38;

// The shortest frame of 64 bytes with its preamble and gap.
const SHORTEST_FRAME = 84;

const MAX_OVERHEAD = 65_535;
