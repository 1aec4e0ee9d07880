import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';

describe('PeerAddress', () => {
  it.each([
    ['127.0.0.1', { address: '127.0.0.1', family: 'IPv4', key: '127.0.0.1:3000' }],
    ['::1', { address: '::1', family: 'IPv6', key: '[::1]:3000' }],
    ['2001:db8::ff', { address: '2001:db8::ff', family: 'IPv6', key: '[2001:db8::ff]:3000' }],
    ['fe80::1%eth0', { address: 'fe80::1%eth0', family: 'IPv6', key: '[fe80::1%eth0]:3000' }],
    // A dual-stack socket shows an IPv4 peer like this: it is the same peer.
    ['::ffff:1.2.3.4', { address: '1.2.3.4', family: 'IPv4', key: '1.2.3.4:3000' }],
    ['::FFFF:1.2.3.4', { address: '1.2.3.4', family: 'IPv4', key: '1.2.3.4:3000' }],
    // Neither of these is a mapped address.
    ['64:ff9b::1.2.3.4', { address: '64:ff9b::1.2.3.4', family: 'IPv6', key: '[64:ff9b::1.2.3.4]:3000' }],
    ['::1.2.3.4', { address: '::1.2.3.4', family: 'IPv6', key: '[::1.2.3.4]:3000' }],
    ['::ffff:0:1.2.3.4', { address: '::ffff:0:1.2.3.4', family: 'IPv6', key: '[::ffff:0:1.2.3.4]:3000' }],
  ])('of %s', (address, fields) => {
    expect(PeerAddress.of(address, 3000)).toMatchObject({ ...fields, port: 3000 });
  });

  it('is written as its key', () => {
    expect(`${PeerAddress.of('10.0.0.1', 53)} and ${PeerAddress.of('::1', 53)}`).toBe(
      '10.0.0.1:53 and [::1]:53',
    );
  });

  it.each([
    ['127.0.0.1', 1, '127.0.0.1', 1, true],
    ['::ffff:127.0.0.1', 1, '127.0.0.1', 1, true],
    ['::1', 1, '::1', 1, true],
    ['127.0.0.1', 1, '127.0.0.1', 2, false],
    ['127.0.0.1', 1, '127.0.0.2', 1, false],
    ['::1', 1, '127.0.0.1', 1, false],
    // Without brackets these two would be one text.
    ['::1', 23, '::1:2', 3, false],
  ])('%s port %d and %s port %d are the same peer: %p', (a, aPort, b, bPort, same) => {
    expect(PeerAddress.of(a, aPort).equals(PeerAddress.of(b, bPort))).toBe(same);
  });

  it('is the same peer as itself', () => {
    const peer = PeerAddress.of('::1', 1);
    expect(peer.equals(peer)).toBe(true);
  });
});
