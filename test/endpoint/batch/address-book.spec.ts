import { beforeAll, describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../../src/common/peer-address.js';
import { loadLibc, type Libc } from '../../../src/endpoint/batch/libc.js';
import { AF_INET, AF_INET6, SOCKADDR_IN6 } from '../../../src/endpoint/batch/linux.js';
import { MessageSlab, NAME_BYTES } from '../../../src/endpoint/batch/message-slab.js';
import { AddressBook } from '../../../src/endpoint/batch/address-book.js';
import { interfaceIndex, readSockaddr, writeSockaddr } from '../../../src/endpoint/batch/sockaddr.js';

let libc: Libc;
beforeAll(async () => {
  libc = await loadLibc();
});

describe('a sockaddr', () => {
  it.each([
    [AF_INET, '127.0.0.1', 53, '127.0.0.1:53', '02000035 7f000001'],
    [AF_INET, '255.255.255.255', 65_535, '255.255.255.255:65535', '0200ffff ffffffff'],
    [AF_INET6, '::1', 53, '[::1]:53', '0a000035 00000000 00000000000000000000000000000001 00000000'],
    [AF_INET6, '10.1.2.3', 1, '10.1.2.3:1', '0a000001 00000000 00000000000000000000ffff0a010203 00000000'],
    [AF_INET6, '2001:DB8::0:1', 1, '[2001:db8::1]:1', '0a000001 00000000 20010db8'],
  ])('of family %d for %s, port %d, is read as %s', (family, address, port, key, hex) => {
    const bytes = writeSockaddr(libc, family, address, port);
    expect(bytes).toHaveLength(family === AF_INET ? 16 : 28);
    expect(Buffer.from(bytes).toString('hex')).toMatch(new RegExp(`^${hex.replaceAll(' ', '')}`));
    expect(readSockaddr(libc, bytes).key).toBe(key);
  });

  it('names the interface of a link-local address, or numbers one that is gone', () => {
    const index = interfaceIndex(libc, 'lo');
    expect(index).toBeGreaterThan(0);
    const bytes = writeSockaddr(libc, AF_INET6, 'fe80::1%lo', 9);
    expect(new DataView(bytes.buffer).getUint32(SOCKADDR_IN6.scopeId, true)).toBe(index);
    expect(readSockaddr(libc, bytes).key).toBe('[fe80::1%lo]:9');
    expect(readSockaddr(libc, writeSockaddr(libc, AF_INET6, 'fe80::1%987654', 9)).key).toBe(
      '[fe80::1%987654]:9',
    );
  });

  it.each([
    [AF_INET, '::1', 9],
    [AF_INET, 'localhost', 9],
    [AF_INET, '1.2.3.4', 65_536],
    [AF_INET, '1.2.3.4', -1],
    [AF_INET, '1.2.3.4', 1.5],
    [AF_INET6, 'fe80::x', 9],
  ])('of family %d is refused for %s, port %d', (family, address, port) => {
    expect(() => writeSockaddr(libc, family, address, port)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});

describe('AddressBook', () => {
  it.each([
    [AF_INET, '10.0.0.1', '10.0.0.2'],
    [AF_INET6, '2001:db8::1', '2001:db8:0:1::1'],
    [AF_INET6, '10.0.0.1', 'fe80::1%lo'],
  ])('of family %d gives one object for one peer: %s, not %s', (family, one, other) => {
    const { table, slab } = setUp(family);
    const [first, second] = [PeerAddress.of(one, 1000), PeerAddress.of(other, 1000)];
    const places = [first, second, PeerAddress.of(one, 1001), PeerAddress.of(one, 1000)];
    expect(places.map((peer, index) => table.writeName(peer, slab, index))).toEqual(
      places.map(() => (family === AF_INET ? 16 : 28)),
    );
    const read = places.map((_, index) => table.peerOf(slab, index));
    expect(read.map(({ key }) => key)).toEqual(places.map(({ key }) => key));
    expect(read[3]).toBe(read[0]);
  });

  it('does not take the flow of an IPv6 packet for a part of its address', () => {
    const { table, slab } = setUp(AF_INET6);
    table.writeName(PeerAddress.of('2001:db8::1', 9), slab, 0);
    table.writeName(PeerAddress.of('2001:db8::1', 9), slab, 1);
    slab.nameWords[NAME_BYTES / 4 + SOCKADDR_IN6.flowInfo / 4] = 0x1234;
    expect(table.peerOf(slab, 1)).toBe(table.peerOf(slab, 0));
  });

  it('asks for the interface of a link-local address each time: it may have gone and come again', () => {
    let index = 7;
    const own = { ...libc, if_nametoindex: () => index, if_indextoname: () => null };
    const [book, slab] = [new AddressBook(own, AF_INET6), new MessageSlab(libc, 64)];
    const peer = PeerAddress.of('fe80::1%lan', 9);
    book.writeName(peer, slab, 0);
    index = 8;
    book.writeName(peer, slab, 1);
    expect([0, 1].map((message) => book.peerOf(slab, message).key)).toEqual([
      '[fe80::1%7]:9',
      '[fe80::1%8]:9',
    ]);
    own.if_indextoname = (_index?: number, name?: Uint8Array) =>
      (name?.set(Buffer.from('wan\0')), 1n) as never;
    expect(book.peerOf(slab, 1).key).toBe('[fe80::1%wan]:9');
  });

  it('needs no text to answer who has spoken', () => {
    let texts = 0;
    const counting = {
      ...libc,
      inet_pton: (...args: Parameters<Libc['inet_pton']>) => (texts++, libc.inet_pton(...args)),
    };
    const { table, slab } = setUp(AF_INET);
    const book = new AddressBook(counting, AF_INET);
    table.writeName(PeerAddress.of('10.0.0.1', 9), slab, 0);
    book.writeName(book.peerOf(slab, 0), slab, 1);
    expect(texts).toBe(0);
    expect(book.peerOf(slab, 1).key).toBe('10.0.0.1:9');
  });

  it('does not grow for a few that meet in one place', () => {
    const { table, slab } = setUp(AF_INET);
    const meet = (port: number): PeerAddress => {
      table.writeName(PeerAddress.of('10.0.0.1', port), slab, 0);
      return table.peerOf(slab, 0);
    };
    const first = meet(1000);
    let other = 1001;
    for (; meet(other).port === other && meet(1000) === first; other++) expect(other).toBeLessThan(65_535);
    const steady = [1, 2, 3, 4, 5].map((host) => `10.0.1.${host}`);
    const meetSteady = (): PeerAddress[] =>
      steady.map((address, index) => {
        table.writeName(PeerAddress.of(address, 9), slab, index);
        return table.peerOf(slab, index);
      });
    const before = meetSteady();
    for (let round = 0; round < 10_000; round++) {
      meet(1000);
      meet(other);
      for (let again = 0; again < 4; again++) meetSteady();
    }
    const after = meetSteady();
    // What grows forgets.
    expect(after.filter((peer, nth) => peer === before[nth]).length).toBeGreaterThan(0);
  });

  it.each([
    [AF_INET, 'the neighbours of a network', 256, (nth: number) => ['192.168.1.', nth, 5683] as const],
    [AF_INET, 'the ports behind one address', 4000, (nth: number) => ['192.168.1.', 1, 1024 + nth] as const],
    [AF_INET6, 'the neighbours of a network', 256, (nth: number) => ['2001:db8::', nth, 5683] as const],
    [
      AF_INET,
      'a large fleet',
      30_000,
      (nth: number) => [`10.${nth % 7}.${nth % 251}.`, nth % 253, 5683] as const,
    ],
  ])('of family %d knows %s again, %d peers', (family, _who, count, addressOf) => {
    const { table, slab } = setUp(family);
    const peers = Array.from({ length: count }, (_, nth) => {
      const [network, host, port] = addressOf(nth);
      return PeerAddress.of(network + (family === AF_INET ? host : host.toString(16)), port);
    });
    const meet = (): PeerAddress[] =>
      peers.map((peer) => {
        table.writeName(peer, slab, 0);
        return table.peerOf(slab, 0);
      });
    for (let round = 0; round < 6; round++) meet();
    const [before, after] = [meet(), meet()];
    const again = after.filter((peer, nth) => peer === before[nth]);
    expect(again.length).toBeGreaterThan(0.6 * count);
  });

  it('writes no flow back that a peer has sent', () => {
    const { table, slab } = setUp(AF_INET6);
    const peer = PeerAddress.of('2001:db8::1', 9);
    table.writeName(peer, slab, 0);
    const other = new AddressBook(libc, AF_INET6);
    slab.nameWords[SOCKADDR_IN6.flowInfo / 4] = 0x1234;
    expect(other.peerOf(slab, 0).key).toBe(peer.key);
    other.writeName(peer, slab, 1);
    expect(slab.nameWords[NAME_BYTES / 4 + SOCKADDR_IN6.flowInfo / 4]).toBe(0);
  });

  it('knows many peers apart, though it forgets', () => {
    const { table, slab } = setUp(AF_INET);
    for (let nth = 0; nth < 20_000; nth++) {
      const peer = PeerAddress.of(`10.${nth & 3}.${(nth >> 2) & 255}.${nth % 251}`, 1024 + (nth % 60_000));
      table.writeName(peer, slab, nth % 64);
      expect(table.peerOf(slab, nth % 64).key).toBe(peer.key);
    }
  });

  function setUp(family: number) {
    return { table: new AddressBook(libc, family), slab: new MessageSlab(libc, 64) };
  }
});

describe('MessageSlab', () => {
  it('refuses a payload that its slot does not hold, and overlaps no slots', () => {
    const slab = new MessageSlab(libc, 100);
    expect(slab.slotStep).toBeGreaterThanOrEqual(slab.slotBytes);
    expect(slab.payloads.length).toBe(64 * slab.slotStep);
    slab.address(0, 16, 100, 0);
    expect(() => slab.address(0, 16, 101, 0)).toThrow(RangeError);
  });
});
