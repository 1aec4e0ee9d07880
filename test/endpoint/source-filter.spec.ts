import { afterEach, describe, expect, it } from '@jest/globals';
import { OptionReader } from '../../src/common/option-reader.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import { SourceFilter } from '../../src/endpoint/source-filter.js';
import { readSourceLists } from '../../src/endpoint/source-filter.options.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes } from './fixture.js';

const filterOf = (options: { allow?: unknown; deny?: unknown }): SourceFilter =>
  new SourceFilter(readSourceLists(new OptionReader(options, '')));

describe('SourceFilter', () => {
  it.each([
    [{}, '192.0.2.1', true],
    [{ allow: [], deny: [] }, '2001:db8::1', true],
    [{ allow: ['10.0.0.0/8'] }, '10.255.0.1', true],
    [{ allow: ['10.0.0.0/8'] }, '11.0.0.1', false],
    [{ allow: ['10.0.0.0/8'] }, '2001:db8::1', false],
    [{ allow: ['10.1.2.3/8'] }, '10.9.9.9', true],
    [{ allow: ['192.0.2.1'] }, '192.0.2.1', true],
    [{ allow: ['192.0.2.1'] }, '192.0.2.2', false],
    [{ allow: ['2001:db8::/33'] }, '2001:db8:7fff::1', true],
    [{ allow: ['2001:DB8::/33'] }, '2001:db8:8000::1', false],
    [{ deny: ['192.0.2.0/24'] }, '192.0.2.7', false],
    [{ deny: ['192.0.2.0/24'] }, '192.0.3.7', true],
    [{ allow: ['10.0.0.0/8'], deny: ['10.0.0.7'] }, '10.0.0.7', false],
    [{ allow: ['10.0.0.0/8'], deny: ['10.0.0.7'] }, '10.0.0.8', true],
    // One family says nothing of the other.
    [{ deny: ['0.0.0.0/0'] }, '192.0.2.1', false],
    [{ deny: ['0.0.0.0/0'] }, '2001:db8::1', true],
    [{ deny: ['::/0'] }, '2001:db8::1', false],
    [{ deny: ['::/0'] }, '192.0.2.1', true],
    // Mapped addresses are IPv4, in lists and of peers.
    [{ deny: ['10.0.0.0/8'] }, '::ffff:10.0.0.1', false],
    [{ deny: ['::ffff:10.0.0.0/104'] }, '10.2.3.4', false],
    [{ deny: ['::ffff:10.0.0.0/104'] }, '11.2.3.4', true],
    [{ deny: ['::FFFF:a00:1'] }, '10.0.0.1', false],
    // Zones are not looked at.
    [{ deny: ['fe80::/10'] }, 'fe80::1%eth0', false],
    [{ deny: ['fe80::1%eth1'] }, 'fe80::1%eth0', false],
    [{ allow: ['fe80::%eth1/64'] }, 'fe80::1%eth0', true],
  ])('with %j takes %s: %p', (options, address, taken) => {
    expect(filterOf(options).accepts(PeerAddress.of(address, 1))).toBe(taken);
  });

  it.each([
    [{ deny: ['::1', '10.0.0.0/33'] }, "deny[1] must be an address or a CIDR range, got '10.0.0.0/33'"],
    [{ allow: ['2001:db8::/129'] }, "allow[0] must be an address or a CIDR range, got '2001:db8::/129'"],
    [{ allow: ['10.0.0/8'] }, "allow[0] must be an address or a CIDR range, got '10.0.0/8'"],
    [{ allow: ['10.0.0.0/'] }, "allow[0] must be an address or a CIDR range, got '10.0.0.0/'"],
    [{ allow: ['10.0.0.0/-1'] }, "allow[0] must be an address or a CIDR range, got '10.0.0.0/-1'"],
    [{ allow: ['10.0.0.0%a%b'] }, "allow[0] must be an address or a CIDR range, got '10.0.0.0%a%b'"],
    [{ allow: ['example.org'] }, "allow[0] must be an address or a CIDR range, got 'example.org'"],
    [{ allow: [''] }, "allow[0] must be an address or a CIDR range, got ''"],
    [{ allow: [7] }, 'allow[0] must be an address or a CIDR range, got 7'],
    [{ allow: '10.0.0.0/8' }, "allow must be a list of addresses and CIDR ranges, got '10.0.0.0/8'"],
    [{ deny: null }, 'deny must be a list of addresses and CIDR ranges, got null'],
  ])('refuses %j', (options, message) => {
    expect(() => filterOf(options)).toThrow(message);
  });

  it('follows its lists while it runs, and keeps them when the new ones are wrong', () => {
    const filter = filterOf({ deny: ['10.0.0.0/8'] });
    const peer = PeerAddress.of('10.0.0.1', 1);
    expect(filter.accepts(peer)).toBe(false);
    filter.setDeny([]);
    expect(filter.accepts(peer)).toBe(true);
    filter.setAllow(['192.0.2.1']);
    expect(filter.accepts(peer)).toBe(false);
    expect(() => filter.setAllow(['10.0.0.0/8', 'x'])).toThrow('allow[1] must be an address');
    expect([filter.allow, filter.deny]).toEqual([['192.0.2.1'], []]);
    expect(Object.isFrozen(filter.allow)).toBe(true);
    expect(filter.accepts(peer)).toBe(false);
    filter.setAllow(['10.0.0.0/8']);
    expect(filter.accepts(peer)).toBe(true);
    filter.setDeny(['10.0.0.1']);
    expect(filter.accepts(peer)).toBe(false);
  });

  it('is right about more addresses than it remembers', () => {
    const filter = filterOf({ deny: ['10.0.0.0/17'] });
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 10_000; n++) {
        const peer = PeerAddress.of(`10.0.${(n >> 6) & 255}.${n & 63}`, 1);
        expect(filter.accepts(peer)).toBe(((n >> 6) & 255) >= 128);
      }
    }
  });
});

describe('a socket with a source filter', () => {
  let open: Probes | undefined;
  afterEach(() => open?.close());

  it('drops and counts before the download limit, and tells', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    open = new Probes((host) => network.environment(host));
    const receiver = await open.bound({
      host: '10.0.0.1',
      port: 5000,
      download: { rate: 100, burst: 100, onLimit: 'drop' },
      deny: ['10.0.0.66'],
    });
    const friend = await open.bound({ host: '10.0.0.2', port: 5000 });
    const stranger = await open.bound({ host: '10.0.0.66', port: 5000 });
    for (let nth = 0; nth < 5; nth++) stranger.endpoint.post(Buffer.alloc(100), receiver.peer);
    await clock.advance(0);
    friend.endpoint.post(Buffer.alloc(100), receiver.peer);
    await clock.advance(0);
    expect(receiver.received.map(({ peer }) => peer.address)).toEqual(['10.0.0.2']);
    expect(receiver.endpoint.download.stats()).toMatchObject({
      datagrams: 1,
      drops: { filtered: { datagrams: 5, bytes: 500 } },
    });
    expect(receiver.drops).toHaveLength(5);
    expect(receiver.drops[0]).toMatchObject({ direction: 'download', reason: 'filtered', bytes: 100 });
    receiver.endpoint.filter.setDeny([]);
    await clock.advance(1000);
    stranger.endpoint.post(Buffer.alloc(100), receiver.peer);
    await clock.advance(0);
    expect(receiver.received).toHaveLength(2);
  });
});
