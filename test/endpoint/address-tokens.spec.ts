import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { AddressTokens } from '../../src/endpoint/address-tokens.js';
import { PeerAddress } from '../../src/common/peer-address.js';

/** One line of address-token-vectors.json, which address-token-vectors.py has written. */
interface Vector {
  readonly secret: { readonly text?: string; readonly hex?: string };
  readonly lifetimeMs: number;
  readonly epochMs: number;
  readonly address: string;
  readonly port: number;
  readonly token: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL('address-token-vectors.json', import.meta.url), 'utf8'),
) as readonly Vector[];

const PEER = PeerAddress.of('192.0.2.7', 12_346);
const [ONE, TWO, THREE] = ['the first secret', 'the second secret', 'the third secret'].map((text) =>
  Buffer.from(text),
) as [Buffer, Buffer, Buffer];
const LIFETIME_MS = 600_000;
const PERIOD_MS = LIFETIME_MS / 2;

describe('AddressTokens', () => {
  it.each(VECTORS)('issues $token for $address, port $port, at $epochMs', (vector) => {
    const { secret, lifetimeMs, epochMs, address, port, token } = vector;
    const key =
      secret.text === undefined ? Buffer.from(secret.hex ?? '', 'hex') : Buffer.from(secret.text, 'utf8');
    const tokens = new AddressTokens([key], lifetimeMs);
    const issued = tokens.issue(PeerAddress.of(address, port), epochMs);
    expect(Buffer.from(issued).toString('hex')).toBe(token);
    expect(tokens.accepts(Buffer.from(token, 'hex'), PeerAddress.of(address, port), epochMs)).toBe(true);
  });

  it('is not the same for any two of the vectors, but those of one address', () => {
    expect(new Set(VECTORS.map(({ token }) => token)).size).toBe(VECTORS.length - 2);
  });

  describe.each([
    ['a secret that was given', [ONE]],
    ['secrets of its own', []],
  ])('with %s', (_what, secrets) => {
    it.each([
      ['at once', 0, 0, true],
      ['to the last millisecond of the next period', 0, 2 * PERIOD_MS - 1, true],
      ['not one millisecond later', 0, 2 * PERIOD_MS, false],
      ['for half of its life when it was issued last of all', PERIOD_MS - 1, 2 * PERIOD_MS - 1, true],
      ['and not longer', PERIOD_MS - 1, 2 * PERIOD_MS, false],
      ['from the first millisecond of a period as long', PERIOD_MS, 3 * PERIOD_MS - 1, true],
      ['and not longer either', PERIOD_MS, 3 * PERIOD_MS, false],
      ['not after years', 0, 1e6 * PERIOD_MS, false],
    ])('takes a token %s', (_when, issuedMs, shownMs, isTaken) => {
      const tokens = new AddressTokens(secrets, LIFETIME_MS);
      const startMs = 5_000_000 * PERIOD_MS;
      const token = tokens.issue(PEER, startMs + issuedMs);
      expect(tokens.accepts(token, PEER, startMs + shownMs)).toBe(isTaken);
    });

    it.each([
      ['port', '192.0.2.7', 12_345],
      ['address', '192.0.2.8', 12_346],
      ['family with the same bytes', '::192.0.2.7', 12_346],
    ])('refuses the token of another %s', (_what, address, port) => {
      const tokens = new AddressTokens(secrets, LIFETIME_MS);
      const token = tokens.issue(PEER, 0);
      expect(tokens.accepts(token, PeerAddress.of(address, port), 0)).toBe(false);
    });

    it('refuses a token with any one bit turned', () => {
      const tokens = new AddressTokens(secrets, LIFETIME_MS);
      const token = Buffer.from(tokens.issue(PEER, 0));
      for (let bit = 0; bit < 8 * token.length; bit++) {
        const forged = Buffer.from(token);
        forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(tokens.accepts(forged, PEER, 0)).toBe(false);
      }
    });

    it.each([0, 1, 15, 17, 32])('refuses %i bytes, and does not throw', (bytes) => {
      const tokens = new AddressTokens(secrets, LIFETIME_MS);
      const token = Buffer.concat([tokens.issue(PEER, 0), Buffer.alloc(16)]);
      expect(tokens.accepts(token.subarray(0, bytes), PEER, 0)).toBe(false);
    });

    it('knows a peer by its address, however that is written', () => {
      const tokens = new AddressTokens(secrets, LIFETIME_MS);
      const sameAs = (one: string, other: string): boolean =>
        tokens.accepts(tokens.issue(PeerAddress.of(one, 1), 0), PeerAddress.of(other, 1), 0);
      // A socket for both families sees IPv4 peers so.
      expect(sameAs('192.0.2.7', '::ffff:192.0.2.7')).toBe(true);
      expect(sameAs('::ffff:192.0.2.7', '192.0.2.7')).toBe(true);
      expect(sameAs('2001:db8::1', '2001:0DB8:0:0:0:0:0:1')).toBe(true);
      expect(sameAs('fe80::1%eth0', 'fe80::1')).toBe(true);
      expect(sameAs('fe80::1%eth0', 'fe80::1%2')).toBe(true);
      expect(sameAs('2001:db8::1', '2001:db8::2')).toBe(false);
    });
  });

  describe('with two secrets', () => {
    it('signs with the first and takes both, each for the whole life of a token', () => {
      const both = new AddressTokens([ONE, TWO], LIFETIME_MS);
      const [ofOne, ofTwo, ofThree] = [ONE, TWO, THREE].map((secret) =>
        new AddressTokens([secret], LIFETIME_MS).issue(PEER, 0),
      ) as [Uint8Array, Uint8Array, Uint8Array];
      expect(both.issue(PEER, 0)).toEqual(ofOne);
      for (const atMs of [0, 2 * PERIOD_MS - 1]) {
        expect([ofOne, ofTwo, ofThree].map((token) => both.accepts(token, PEER, atMs))).toEqual([
          true,
          true,
          false,
        ]);
      }
      expect(both.accepts(ofTwo, PEER, 2 * PERIOD_MS)).toBe(false);
    });

    it('is moved from one to the other without a token lost', () => {
      const tokens = new AddressTokens([ONE], LIFETIME_MS);
      const old = tokens.issue(PEER, 0);
      tokens.setSecrets([TWO, ONE]);
      const young = tokens.issue(PEER, 0);
      expect(young).not.toEqual(old);
      expect([old, young].map((token) => tokens.accepts(token, PEER, 1))).toEqual([true, true]);
      tokens.setSecrets([TWO]);
      expect([old, young].map((token) => tokens.accepts(token, PEER, 1))).toEqual([false, true]);
    });
  });

  describe('with secrets of its own', () => {
    it('makes a new one in each period', () => {
      const tokens = new AddressTokens([], LIFETIME_MS);
      const others = new AddressTokens([], LIFETIME_MS);
      expect(others.accepts(tokens.issue(PEER, 0), PEER, 0)).toBe(false);
      expect(tokens.issue(PEER, 0)).toEqual(tokens.issue(PEER, PERIOD_MS - 1));
      expect(tokens.issue(PEER, PERIOD_MS)).not.toEqual(tokens.issue(PEER, PERIOD_MS - 1));
    });

    it('goes on when the clock of the machine is set back', () => {
      const tokens = new AddressTokens([], LIFETIME_MS);
      const early = tokens.issue(PEER, 10 * PERIOD_MS);
      const late = tokens.issue(PEER, 5 * PERIOD_MS);
      expect(tokens.accepts(late, PEER, 5 * PERIOD_MS)).toBe(true);
      expect(tokens.accepts(early, PEER, 10 * PERIOD_MS)).toBe(true);
    });

    it('has the secrets that it is given later instead', () => {
      const tokens = new AddressTokens([], LIFETIME_MS);
      const own = tokens.issue(PEER, 0);
      tokens.setSecrets([ONE]);
      expect(tokens.accepts(own, PEER, 0)).toBe(false);
      expect(tokens.issue(PEER, 0)).toEqual(new AddressTokens([ONE], LIFETIME_MS).issue(PEER, 0));
    });
  });
});
