import { lookup as systemLookup } from 'node:dns';
import { isIP, SocketAddress, type LookupFunction } from 'node:net';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import { PeerAddress } from '../common/peer-address.js';
import { EndpointClosedError, HostNotFoundError } from './endpoint.errors.js';
import type { Scheduler } from './scheduler.js';

/** A destination as users write it. */
export interface PeerLike {
  /** Host name or literal IP address. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/**
 * Finds the addresses of host names and keeps them for a minute. Literal addresses never cause a look-up, and
 * callers that ask for one name at once share one.
 */
export class HostCache {
  readonly #known = new Map<string, { address: string; untilMs: number }>();
  readonly #pending = new Map<string, Promise<string>>();
  /** Fails each look-up that is under way. */
  readonly #giveUp = new Set<(error: Error) => void>();
  /** Most clients ask one peer: one object for it is told from others at once, and is not made for each request. */
  #last: PeerAddress | undefined;
  #isClosed = false;

  /**
   * @param family 4 or 6; 0 where a dual-stack socket reaches both
   * @param lookup the system's, when missing
   */
  constructor(
    private readonly family: 0 | 4 | 6,
    private readonly scheduler: Scheduler,
    private readonly lookup: LookupFunction = systemLookup,
  ) {}

  /**
   * The peer of a host and a port: at once when the address is known, else as a promise.
   *
   * @throws {InvalidOptionError} at once, when the port or the host cannot be one
   * @throws {HostNotFoundError} as a rejection, when the name has no address
   * @throws {EndpointClosedError} as a rejection, when the cache is closed before the answer is here
   */
  resolve(peer: PeerLike): PeerAddress | Promise<PeerAddress> {
    const { host, port } = checkPeer(peer);
    // A literal address in the form that the kernel gives it: nothing about it can change.
    if (this.#isLast(host, port)) return this.#last as PeerAddress;
    const address = this.addressOf(host);
    return typeof address === 'string'
      ? this.#peerOf(address, port)
      : address.then((found) => this.#peerOf(found, port));
  }

  /** The address of a host alone; see {@link resolve}. */
  addressOf(host: string): string | Promise<string> {
    if (isIP(host) !== 0) return asKernelWrites(host);
    const known = this.#known.get(host);
    return known !== undefined && known.untilMs > this.scheduler.now() ? known.address : this.#ask(host);
  }

  /** Fails what waits for an answer: a look-up has no end of its own. */
  close(): void {
    this.#isClosed = true;
    for (const giveUp of this.#giveUp) giveUp(new EndpointClosedError());
  }

  #isLast(address: string, port: number): boolean {
    const last = this.#last;
    return last !== undefined && last.port === port && last.address === address;
  }

  #peerOf(address: string, port: number): PeerAddress {
    if (!this.#isLast(address, port)) this.#last = PeerAddress.of(address, port);
    return this.#last as PeerAddress;
  }

  #ask(host: string): Promise<string> {
    if (this.#isClosed) return Promise.reject(new EndpointClosedError());
    let pending = this.#pending.get(host);
    if (pending === undefined) {
      if (this.#pending.size >= MAX_HOSTS) {
        return Promise.reject(new HostNotFoundError(host, `${MAX_HOSTS} look-ups are under way`));
      }
      pending = this.#find(host).finally(() => this.#pending.delete(host));
      this.#pending.set(host, pending);
    }
    return pending;
  }

  async #find(host: string): Promise<string> {
    let address: string;
    try {
      address = asKernelWrites(await this.#lookUp(host));
    } catch (cause) {
      throw cause instanceof EndpointClosedError ? cause : new HostNotFoundError(host, cause);
    }
    this.#remember(host, address);
    return address;
  }

  async #lookUp(host: string): Promise<string> {
    let giveUp: (error: Error) => void = ignore;
    const answer = new Promise<string>((resolve, reject) => {
      giveUp = reject;
      this.#giveUp.add(giveUp);
      this.lookup(host, { family: this.family }, (error, found) => {
        const first = Array.isArray(found) ? found[0]?.address : found;
        if (error) reject(error);
        else if (first === undefined || isIP(first) === 0) reject(new Error('no address'));
        else resolve(first);
      });
    });
    return answer.finally(() => this.#giveUp.delete(giveUp));
  }

  #remember(host: string, address: string): void {
    this.#known.delete(host);
    const oldest = this.#known.keys().next();
    if (this.#known.size >= MAX_HOSTS && !oldest.done) this.#known.delete(oldest.value);
    this.#known.set(host, { address, untilMs: this.scheduler.now() + KEEP_MS });
  }
}

function checkPeer(peer: PeerLike): PeerLike {
  const { host, port } = (peer ?? {}) as Partial<PeerLike>;
  if (typeof host !== 'string' || host === '') {
    throw new InvalidOptionError('peer.host', `must be a host name or an address, got ${show(host)}`);
  }
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new InvalidOptionError('peer.port', `must be a whole number from 1 to 65535, got ${show(port)}`);
  }
  return { host, port };
}

/**
 * A literal address in the one form that the kernel gives it (RFC 5952): in another, the replies of a peer would
 * seem to come from somebody else.
 */
function asKernelWrites(literal: string): string {
  if (!literal.includes(':')) return literal;
  const [address = '', zone] = literal.split('%');
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

function ignore(): void {}

// dns.lookup tells no time to live; a minute follows a moved host soon enough.
const KEEP_MS = 60_000;

const MAX_HOSTS = 1024;
