/**
 * Numbers of the Linux kernel and layouts of its structures, as they are on x64 and arm64; both are little-endian and
 * have 8-byte pointers. A test compares each with what a C compiler says.
 */
export const AF_INET = 2;
export const AF_INET6 = 10;

export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;

export const IPPROTO_IP = 0;
export const IP_TTL = 2;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;

export const IPPROTO_IPV6 = 41;
export const IPV6_UNICAST_HOPS = 16;
export const IPV6_MULTICAST_IF = 17;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_ADD_MEMBERSHIP = 20;
export const IPV6_V6ONLY = 26;

export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

/** `struct mmsghdr`: a `struct msghdr`, then how many bytes have moved. */
export const MMSGHDR = {
  size: 64,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  bytes: 56,
} as const;

/** `struct iovec`. */
export const IOVEC = { size: 16, base: 0, length: 8 } as const;

/** `struct cmsghdr`, and what follows it here: a number of 16 or 32 bits, and room to the next multiple of 8. */
export const CMSG = {
  size: 24,
  length: 0,
  level: 8,
  type: 12,
  data: 16,
  lengthWithUint16: 18,
  lengthWithInt: 20,
} as const;

/** `struct sockaddr_in`. The port and the address are in the order of the network. */
export const SOCKADDR_IN = { size: 16, family: 0, port: 2, address: 4 } as const;

/** `struct sockaddr_in6`. */
export const SOCKADDR_IN6 = { size: 28, family: 0, port: 2, flowInfo: 4, address: 8, scopeId: 24 } as const;

/** `INET6_ADDRSTRLEN` and `IF_NAMESIZE`: the longest texts of an address and of an interface, with their ends. */
export const INET6_ADDRSTRLEN = 46;
export const IF_NAMESIZE = 16;
