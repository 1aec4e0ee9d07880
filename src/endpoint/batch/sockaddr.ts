import { constants } from 'node:os';
import { PeerAddress } from '../../common/peer-address.js';
import type { Libc } from './libc.js';
import { AF_INET, AF_INET6, IF_NAMESIZE, INET6_ADDRSTRLEN, SOCKADDR_IN, SOCKADDR_IN6 } from './linux.js';
import { SystemError } from './system-error.js';

/**
 * Writes an address as `struct sockaddr_in` or `struct sockaddr_in6`.
 *
 * @param family of the socket: an IPv4 peer of an IPv6 socket is written as that socket knows it, mapped
 * @returns 16 or 28 bytes
 * @throws {SystemError} EINVAL: it is no address of that family, or no port
 */
export function writeSockaddr(libc: Libc, family: number, address: string, port: number): Uint8Array {
  const { size, address: at } = family === AF_INET ? SOCKADDR_IN : SOCKADDR_IN6;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(SOCKADDR_IN.family, family, true);
  view.setUint16(SOCKADDR_IN.port, port);
  const isMapped = family === AF_INET6 && !address.includes(':');
  const [text = '', zone] = (isMapped ? `::ffff:${address}` : address).split('%');
  const isPort = Number.isInteger(port) && port >= 0 && port <= MAX_PORT;
  if (!isPort || libc.inet_pton(family, text, bytes.subarray(at)) !== 1) {
    throw new SystemError('inet_pton', constants.errno.EINVAL, `${address}:${port}`);
  }
  if (zone !== undefined && family === AF_INET6) {
    view.setUint32(SOCKADDR_IN6.scopeId, interfaceIndex(libc, zone), true);
  }
  return bytes;
}

/** Reads what {@link writeSockaddr} writes. @param bytes 16 bytes or more */
export function readSockaddr(libc: Libc, bytes: Uint8Array): PeerAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(SOCKADDR_IN.family, true);
  const port = view.getUint16(SOCKADDR_IN.port);
  if (family === AF_INET) {
    const at = SOCKADDR_IN.address;
    return PeerAddress.of(bytes.subarray(at, at + IPV4_BYTES).join('.'), port);
  }
  const text = Buffer.alloc(INET6_ADDRSTRLEN);
  libc.inet_ntop(family, bytes.subarray(SOCKADDR_IN6.address), text, text.length);
  const scopeId = family === AF_INET6 ? view.getUint32(SOCKADDR_IN6.scopeId, true) : 0;
  const zone = scopeId === 0 ? '' : `%${interfaceName(libc, scopeId)}`;
  return PeerAddress.of(textOf(text) + zone, port);
}

/** @param zone name of an interface, or its number @returns 0 when there is none */
export function interfaceIndex(libc: Libc, zone: string): number {
  return libc.if_nametoindex(zone) || Number(zone) || 0;
}

function interfaceName(libc: Libc, index: number): string {
  const name = Buffer.alloc(IF_NAMESIZE);
  return libc.if_indextoname(index, name) === null ? String(index) : textOf(name);
}

/** Up to the byte 0. */
function textOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}

const IPV4_BYTES = 4;

const MAX_PORT = 65_535;
