import { constants } from 'node:os';
import type { PeerAddress } from '../../common/peer-address.js';
import type { BoundAddress } from '../../telemetry/stats.js';
import type { MulticastGroup, SocketOptions } from '../socket.options.js';
import type { Libc } from './libc.js';
import * as linux from './linux.js';
import { interfaceIndex, readSockaddr, writeSockaddr } from './sockaddr.js';
import { SystemError } from './system-error.js';

/** A UDP socket of the kernel's: opened, set up and closed. What moves over it is for others. */
export class Descriptor {
  /** `AF_INET` or `AF_INET6`. */
  readonly family: number;
  #fd: number;

  /** @throws {SystemError} such as EMFILE */
  constructor(
    private readonly libc: Libc,
    private readonly options: SocketOptions,
  ) {
    this.family = options.type === 'udp6' ? linux.AF_INET6 : linux.AF_INET;
    const type = linux.SOCK_DGRAM | linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC;
    this.#fd = this.#must('socket', libc.socket(this.family, type, 0));
  }

  /**
   * Sets the socket up and binds it.
   *
   * @param address literal IP address
   * @throws {SystemError} what the kernel says
   */
  bind(address: string, port: number): BoundAddress {
    // An IPv6 socket could take an IPv4 address, mapped; `node:dgram` refuses it, so whoever changes the driver would.
    if (this.#isV6 !== address.includes(':')) {
      throw new SystemError('bind', constants.errno.EINVAL, `${address}:${port}`);
    }
    this.#setUpForBinding();
    const name = writeSockaddr(this.libc, this.family, address, port);
    this.#must('bind', this.libc.bind(this.#fd, name, name.length), `${address}:${port}`);
    this.#setUpBound();
    return this.#boundAddress();
  }

  /** @throws {SystemError} what the kernel says */
  connect(peer: PeerAddress): void {
    const name = writeSockaddr(this.libc, this.family, peer.address, peer.port);
    this.#must('connect', this.libc.connect(this.#fd, name, name.length), peer.key);
  }

  /** Whether the kernel cuts one payload into datagrams: Linux 4.18 and later. */
  canSegment(): boolean {
    return this.libc.setsockopt(this.#fd, linux.SOL_UDP, linux.UDP_SEGMENT, int32(0), 4) === 0;
  }

  /** Takes datagrams of one size and one peer that came in a row as one, where the kernel can: Linux 5.0 and later. */
  takeMerged(): void {
    this.libc.setsockopt(this.#fd, linux.SOL_UDP, linux.UDP_GRO, int32(1), 4);
  }

  /** As the kernel reports them. */
  bufferSizes(): { recv: number; send: number } {
    return { recv: this.#get(linux.SO_RCVBUF), send: this.#get(linux.SO_SNDBUF) };
  }

  /** To be called when nobody watches it any more. Callable twice. */
  close(): void {
    const fd = this.#fd;
    if (fd === CLOSED) return;
    // First: by the time that the call returns, the number may be somebody else's.
    this.#fd = CLOSED;
    this.libc.close(fd);
  }

  /** -1 when it is closed; a call on it fails with EBADF then. */
  get fd(): number {
    return this.#fd;
  }

  #setUpForBinding(): void {
    const { reuseAddr, reusePort, ipv6Only, recvBufferSize, sendBufferSize } = this.options;
    if (reuseAddr) this.#set(linux.SOL_SOCKET, linux.SO_REUSEADDR, int32(1));
    if (reusePort) this.#set(linux.SOL_SOCKET, linux.SO_REUSEPORT, int32(1));
    if (this.#isV6) this.#set(linux.IPPROTO_IPV6, linux.IPV6_V6ONLY, int32(ipv6Only ? 1 : 0));
    if (recvBufferSize !== undefined) this.#set(linux.SOL_SOCKET, linux.SO_RCVBUF, int32(recvBufferSize));
    if (sendBufferSize !== undefined) this.#set(linux.SOL_SOCKET, linux.SO_SNDBUF, int32(sendBufferSize));
  }

  #setUpBound(): void {
    const { broadcast, ttl, multicast } = this.options;
    if (broadcast) this.#set(linux.SOL_SOCKET, linux.SO_BROADCAST, int32(1));
    if (ttl !== undefined) this.#setIp(linux.IP_TTL, linux.IPV6_UNICAST_HOPS, ttl);
    if (multicast.interface !== undefined) this.#setMulticastInterface(multicast.interface);
    if (multicast.ttl !== undefined)
      this.#setIp(linux.IP_MULTICAST_TTL, linux.IPV6_MULTICAST_HOPS, multicast.ttl);
    if (multicast.loopback !== undefined) {
      this.#setIp(linux.IP_MULTICAST_LOOP, linux.IPV6_MULTICAST_LOOP, multicast.loopback ? 1 : 0);
    }
    for (const entry of multicast.groups ?? []) this.#join(entry);
  }

  #setMulticastInterface(address: string): void {
    if (address.includes(':')) {
      this.#set(linux.IPPROTO_IPV6, linux.IPV6_MULTICAST_IF, int32(this.#scopeOf(address)));
    } else {
      this.#set(linux.IPPROTO_IP, linux.IP_MULTICAST_IF, this.#bytesOf(address));
    }
  }

  /** `struct ip_mreq`: group, interface; `struct ipv6_mreq`: group, number of the interface. */
  #join(entry: MulticastGroup): void {
    const { group, interface: iface } = typeof entry === 'string' ? { group: entry } : entry;
    const groupBytes = this.#bytesOf(group);
    // By the group, not by the socket: one of both families may join groups of both.
    if (group.includes(':')) {
      const scope = int32(iface === undefined ? 0 : this.#scopeOf(iface));
      this.#set(linux.IPPROTO_IPV6, linux.IPV6_ADD_MEMBERSHIP, Buffer.concat([groupBytes, scope]));
    } else {
      const own = iface === undefined ? new Uint8Array(4) : this.#bytesOf(iface);
      this.#set(linux.IPPROTO_IP, linux.IP_ADD_MEMBERSHIP, Buffer.concat([groupBytes, own]));
    }
  }

  /** The bytes of an address, in the order of the network. @throws {SystemError} EINVAL: it is none */
  #bytesOf(address: string): Uint8Array {
    const { SOCKADDR_IN, SOCKADDR_IN6 } = linux;
    return address.includes(':')
      ? writeSockaddr(this.libc, linux.AF_INET6, address, 0).subarray(
          SOCKADDR_IN6.address,
          SOCKADDR_IN6.scopeId,
        )
      : writeSockaddr(this.libc, linux.AF_INET, address, 0).subarray(
          SOCKADDR_IN.address,
          SOCKADDR_IN.address + 4,
        );
  }

  /** Number of the interface behind `::%eth0`; 0 leaves it to the system. @throws {SystemError} EINVAL: no address */
  #scopeOf(address: string): number {
    if (!address.includes(':')) throw new SystemError('setsockopt', constants.errno.EINVAL, address);
    this.#bytesOf(address);
    const zone = address.split('%')[1];
    return zone === undefined ? 0 : interfaceIndex(this.libc, zone);
  }

  #setIp(nameV4: number, nameV6: number, value: number): void {
    if (this.#isV6) this.#set(linux.IPPROTO_IPV6, nameV6, int32(value));
    else this.#set(linux.IPPROTO_IP, nameV4, int32(value));
  }

  #set(level: number, name: number, value: Uint8Array): void {
    this.#must('setsockopt', this.libc.setsockopt(this.#fd, level, name, value, value.length));
  }

  #get(name: number): number {
    const value = int32(0);
    this.#must('getsockopt', this.libc.getsockopt(this.#fd, linux.SOL_SOCKET, name, value, int32(4)));
    return value.readInt32LE(0);
  }

  #boundAddress(): BoundAddress {
    const name = new Uint8Array(linux.SOCKADDR_IN6.size);
    this.#must('getsockname', this.libc.getsockname(this.#fd, name, int32(name.length)));
    const { address, port } = readSockaddr(this.libc, name);
    return Object.freeze({ address, port, family: this.#isV6 ? 'IPv6' : 'IPv4' });
  }

  #must(syscall: string, result: number, subject?: string): number {
    if (result >= 0) return result;
    throw new SystemError(syscall, this.libc.errno(), subject);
  }

  get #isV6(): boolean {
    return this.family === linux.AF_INET6;
  }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

const CLOSED = -1;
