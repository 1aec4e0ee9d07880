import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv6, SocketAddress } from 'node:net';
import type { PeerAddress } from '../common/peer-address.js';

/**
 * Tokens that only the owner of an address can know: it was sent there. Nothing is kept for one that is given out.
 *
 * HMAC-SHA-256 (RFC 2104), the first 16 bytes of it, over 28 bytes: version 1, family (4 or 6), address in 16
 * bytes (IPv4 in the last four), port in 2, number of the period in 8; numbers big-endian. A token is taken in its
 * period and in the next one.
 *
 * @see RFC 9175 section 2.4 for tokens of this kind, RFC 9000 section 8.1 for what they are for
 */
export class AddressTokens {
  /** The first one signs; all of them are accepted. */
  #secrets: readonly Uint8Array[];
  readonly #message = Buffer.alloc(MESSAGE_BYTES);
  /** Period of the own secret; while secrets are given, none is made. */
  #madeInPeriod: number | undefined;

  /**
   * @param secrets shared by all processes that serve one address; none: random ones, new in each period
   * @param lifetimeMs longest life of a token; the shortest is half of it
   */
  constructor(
    secrets: readonly Uint8Array[],
    private readonly lifetimeMs: number,
  ) {
    this.#secrets = secrets;
    if (secrets.length === 0) this.#madeInPeriod = -Infinity;
  }

  /** @param epochMs milliseconds since 1970, so that processes agree */
  issue(peer: PeerAddress, epochMs: number): Uint8Array {
    const period = this.#periodOf(epochMs);
    return this.#sign(this.#secretsIn(period)[0] as Uint8Array, peer, period);
  }

  /** Whether a token was issued to this address, lately. Takes the same time for any wrong one. */
  accepts(token: Uint8Array, peer: PeerAddress, epochMs: number): boolean {
    if (token.length !== TOKEN_BYTES) return false;
    const period = this.#periodOf(epochMs);
    let isRight = false;
    this.#secretsIn(period).forEach((secret, index) => {
      for (const each of this.#periodsOf(index, period)) {
        if (timingSafeEqual(this.#sign(secret, peer, each), token)) isRight = true;
      }
    });
    return isRight;
  }

  /** Takes other secrets from now on: keep the old one as the second for as long as its tokens may live. */
  setSecrets(secrets: readonly Uint8Array[]): void {
    this.#secrets = secrets;
    this.#madeInPeriod = undefined;
  }

  #secretsIn(period: number): readonly Uint8Array[] {
    if (this.#madeInPeriod !== undefined && period > this.#madeInPeriod) {
      const isNext = period === this.#madeInPeriod + 1;
      this.#secrets = [randomBytes(SECRET_BYTES), ...(isNext ? this.#secrets.slice(0, 1) : [])];
      this.#madeInPeriod = period;
    }
    return this.#secrets;
  }

  /** Periods that a secret may have signed: of the own ones each its own, of given ones this and the last. */
  #periodsOf(index: number, period: number): readonly number[] {
    return this.#madeInPeriod === undefined ? [period, period - 1] : [period - index];
  }

  #periodOf(epochMs: number): number {
    return Math.floor(epochMs / (this.lifetimeMs / 2));
  }

  #sign(secret: Uint8Array, { address, port, family }: PeerAddress, period: number): Uint8Array {
    const message = this.#message.fill(0);
    message[0] = VERSION;
    message[1] = family === 'IPv4' ? 4 : 6;
    writeAddress(address, family, message.subarray(2, 18));
    message.writeUInt16BE(port, 18);
    message.writeBigInt64BE(BigInt(period), 20);
    return createHmac('sha256', secret).update(message).digest().subarray(0, TOKEN_BYTES);
  }
}

/** Writes an address into 16 bytes; the zone of one that is known on a link only is left out. */
function writeAddress(address: string, family: PeerAddress['family'], into: Buffer): void {
  if (family === 'IPv4') return writeIPv4(address, into.subarray(12));
  const [literal = ''] = address.split('%');
  const canonical = isIPv6(literal) ? new SocketAddress({ address: literal, family: 'ipv6' }).address : '::';
  const [front = '', back] = canonical.split('::');
  const head = groupsOf(front);
  const tail = back === undefined ? [] : groupsOf(back);
  head.forEach((group, index) => into.writeUInt16BE(group, 2 * index));
  tail.forEach((group, index) => into.writeUInt16BE(group, 16 - 2 * (tail.length - index)));
}

function writeIPv4(address: string, into: Buffer): void {
  address.split('.').forEach((part, index) => (into[index] = Number(part)));
}

/** Groups of half an address; dotted decimals at its end (RFC 4291 section 2.2) are two of them. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)];
    const bytes = Buffer.alloc(4);
    writeIPv4(group, bytes);
    return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)];
  });
}

export const TOKEN_BYTES = 16;

const MESSAGE_BYTES = 28;

const SECRET_BYTES = 32;

const VERSION = 1;
