import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import { resolvePeerKey } from '../../src/shaping/peer-key.js';

describe('resolvePeerKey', () => {
  it.each([
    ['address', '192.0.2.7', '192.0.2.7'],
    ['address', '::ffff:192.0.2.7', '192.0.2.7'],
    ['address-port', '192.0.2.7', '192.0.2.7:4000'],
    ['address-port', '::ffff:192.0.2.7', '192.0.2.7:4000'],
    ['address-port', '2001:db8::1', '[2001:db8::1]:4000'],
    ['prefix', '192.0.2.7', '192.0.2.0/24'],
    ['prefix', '::ffff:192.0.2.7', '192.0.2.0/24'],
    ['prefix', '2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['prefix', '2001:db8::1', '2001:db8:0:0::/64'],
    ['prefix', '2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['prefix', '2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    ['prefix', '::1', '0:0:0:0::/64'],
    ['prefix', '1::2:3:4:5:6:7', '1:0:2:3::/64'],
    ['prefix', 'fe80::1%eth0', 'eth0%fe80:0:0:0::/64'],
  ] as const)('by %s, the key of %s is %s', (key, address, expected) => {
    expect(resolvePeerKey(key, 'perPeer.key')(PeerAddress.of(address, 4000))).toBe(expected);
  });

  it('asks a function', () => {
    const keyOf = resolvePeerKey(({ port }: PeerAddress) => `tenant ${port % 2}`, 'perPeer.key');
    expect(keyOf(PeerAddress.of('192.0.2.7', 4001))).toBe('tenant 1');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no tenant');
      },
    ],
    ['gives no text', () => 7],
  ])('counts the address where a function %s', (_what, key) => {
    expect(resolvePeerKey(key, 'perPeer.key')(PeerAddress.of('192.0.2.7', 4000))).toBe('192.0.2.7');
  });

  it.each(['ip', '', 5, null, 'toString'])('refuses %p', (value) => {
    expect(() => resolvePeerKey(value, 'perPeer.key')).toThrow(InvalidOptionError);
  });
});
