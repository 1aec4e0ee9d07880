export type AddressFamily = 'IPv4' | 'IPv6';

/**
 * The other side of an exchange: a literal IP address, a port and the family they belong to.
 *
 * An IPv4 address that a dual-stack socket shows as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2) is written
 * `a.b.c.d` here, so that one host is one peer whatever socket it was seen through.
 */
export class PeerAddress {
  #key: string | undefined;

  /**
   * @param address literal IP address, never a host name
   * @param port 0 to 65535
   * @param family family of `address`
   */
  constructor(
    readonly address: string,
    readonly port: number,
    readonly family: AddressFamily,
  ) {}

  /** The peer behind an address as the kernel writes it, with mapped IPv4 addresses unmapped. */
  static of(address: string, port: number): PeerAddress {
    if (!address.includes(':')) return new PeerAddress(address, port, 'IPv4');
    const mapped = MAPPED_IPV4.exec(address)?.[1];
    return mapped === undefined
      ? new PeerAddress(address, port, 'IPv6')
      : new PeerAddress(mapped, port, 'IPv4');
  }

  /** `127.0.0.1:3000`, `[::1]:3000`: one text for each peer. */
  get key(): string {
    // Made when somebody asks. Where a large fleet takes turns, V8's cache of numbers as texts keeps a piece of each one
    // that is made, and the garbage collector moves them: 5 % of a request.
    this.#key ??= this.family === 'IPv4' ? `${this.address}:${this.port}` : `[${this.address}]:${this.port}`;
    return this.#key;
  }

  equals(other: PeerAddress): boolean {
    return this === other || (this.port === other.port && this.address === other.address);
  }

  toString(): string {
    return this.key;
  }
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
