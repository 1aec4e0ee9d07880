import { isIP, type LookupFunction } from 'node:net';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { OptionReader, show } from '../common/option-reader.js';
import type { DriverChoice } from './driver-choice.js';

/** Multicast settings of a socket. */
export interface MulticastOptions {
  /** Groups to join once bound: an address, or an address and the interface to join on. */
  readonly groups?: readonly MulticastGroup[];
  /** Interface that outgoing multicast leaves by; the system's choice when missing. */
  readonly interface?: string;
  /** Hops that outgoing multicast may take, 0 to 255. @default 1 */
  readonly ttl?: number;
  /** Whether this machine gets its own multicast too. @default true */
  readonly loopback?: boolean;
}

/** A group to join, on the interface the system picks or on one that is named by its address. */
export type MulticastGroup = string | { readonly group: string; readonly interface?: string };

/** Settings of the socket itself, as in `node:dgram`. */
export interface UdpSocketOptions {
  /** @default by the host: `udp6` for a literal IPv6 address, else `udp4` */
  readonly type?: 'udp4' | 'udp6';
  /** Shares the address with sockets that are bound already; the last one bound takes the datagrams. @default false */
  readonly reuseAddr?: boolean;
  /** Spreads datagrams over all sockets bound with it, by peer. Node 22.12 or later. @default false */
  readonly reusePort?: boolean;
  /** No IPv4 over a `udp6` socket. @default false */
  readonly ipv6Only?: boolean;
  /** Allows sending to broadcast addresses. @default false */
  readonly broadcast?: boolean;
  /** Hops that datagrams may take, 1 to 255. @default the system's */
  readonly ttl?: number;
  readonly multicast?: MulticastOptions;
  /** Finds addresses of host names; answers are kept for a minute. @default dns.lookup */
  readonly lookup?: LookupFunction;
  /** Closes the transport or the client when it is aborted, as `close()` does. */
  readonly signal?: AbortSignal;
}

/** What a {@link DatagramSocket} is made with. */
export interface SocketOptions {
  readonly driver: DriverChoice;
  /** That it will be bound to. */
  readonly port: number;
  readonly type: 'udp4' | 'udp6';
  readonly reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  readonly broadcast: boolean;
  readonly ttl: number | undefined;
  readonly multicast: MulticastOptions;
  readonly lookup: LookupFunction | undefined;
  readonly signal: AbortSignal | undefined;
  /** Asked of the kernel, bytes. */
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
}

/**
 * @param value the `socket` option
 * @param host decides the type when `socket.type` does not
 * @param port that it will be bound to
 * @throws {InvalidOptionError} naming the field
 */
export function resolveSocketOptions(
  value: unknown,
  host: string,
  recvBufferSize: number | undefined,
  sendBufferSize: number | undefined,
  driver: DriverChoice = 'auto',
  port = 0,
): SocketOptions {
  const reader = new OptionReader(value, 'socket');
  const options: SocketOptions = {
    driver,
    port,
    type: reader.oneOf('type', ['udp4', 'udp6'], host.includes(':') ? 'udp6' : 'udp4'),
    reuseAddr: reader.boolean('reuseAddr', false),
    reusePort: reader.boolean('reusePort', false),
    ipv6Only: reader.boolean('ipv6Only', false),
    broadcast: reader.boolean('broadcast', false),
    ttl: reader.integer('ttl', 1, 255, undefined),
    multicast: resolveMulticast(reader.any('multicast')),
    lookup: reader.read('lookup', asLookup, undefined),
    signal: reader.read('signal', asSignal, undefined),
    recvBufferSize,
    sendBufferSize,
  };
  reader.refuseUnknown();
  // Node 20 would take the option and do nothing.
  if (options.reusePort && !isNodeAtLeast(22, 12)) {
    throw new InvalidOptionError('socket.reusePort', `needs Node 22.12 or later, this is ${process.version}`);
  }
  return Object.freeze(options);
}

function resolveMulticast(value: unknown): MulticastOptions {
  const reader = new OptionReader(value, 'socket.multicast');
  const groups = reader.read('groups', asGroups, []);
  const iface = reader.read('interface', asAddressText, undefined);
  const ttl = reader.integer('ttl', 0, 255, undefined);
  const options: MulticastOptions = {
    groups,
    ...(iface === undefined ? {} : { interface: iface }),
    ...(ttl === undefined ? {} : { ttl }),
    loopback: reader.boolean('loopback', true),
  };
  reader.refuseUnknown();
  return Object.freeze(options);
}

function asGroups(value: unknown, field: string): NonNullable<MulticastOptions['groups']> {
  if (!Array.isArray(value)) throw new InvalidOptionError(field, `must be an array, got ${show(value)}`);
  return Object.freeze(value.map((entry: unknown, index) => asGroup(entry, `${field}[${index}]`)));
}

function asGroup(value: unknown, field: string): MulticastGroup {
  if (typeof value !== 'object' || value === null) return asAddress(value, field);
  const reader = new OptionReader(value, field);
  const group = asAddress(reader.any('group'), reader.field('group'));
  const iface = reader.read('interface', asAddressText, undefined);
  reader.refuseUnknown();
  return Object.freeze({ group, ...(iface === undefined ? {} : { interface: iface }) });
}

function asAddress(value: unknown, field: string): string {
  if (typeof value === 'string' && isIP(value) !== 0) return value;
  throw new InvalidOptionError(field, `must be the address of a group, got ${show(value)}`);
}

function asAddressText(value: unknown, field: string): string | undefined {
  if (typeof value !== 'string')
    throw new InvalidOptionError(field, `must be an address, got ${show(value)}`);
  return value;
}

function asLookup(value: unknown, field: string): LookupFunction | undefined {
  if (typeof value !== 'function')
    throw new InvalidOptionError(field, `must be a function, got ${show(value)}`);
  return value as LookupFunction;
}

function asSignal(value: unknown, field: string): AbortSignal | undefined {
  if (!(value instanceof AbortSignal)) {
    throw new InvalidOptionError(field, `must be an AbortSignal, got ${show(value)}`);
  }
  return value;
}

function isNodeAtLeast(major: number, minor: number): boolean {
  const [thisMajor = 0, thisMinor = 0] = process.versions.node.split('.').map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}
