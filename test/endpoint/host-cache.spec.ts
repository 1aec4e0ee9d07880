import { describe, expect, it, jest } from '@jest/globals';
import type { LookupFunction } from 'node:net';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { EndpointClosedError, HostNotFoundError } from '../../src/endpoint/endpoint.errors.js';
import { HostCache } from '../../src/endpoint/host-cache.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { rejection } from './fixture.js';

type Callback = Parameters<LookupFunction>[2];

describe('HostCache', () => {
  describe('literal addresses', () => {
    it.each([
      ['127.0.0.1', '127.0.0.1:53'],
      ['::1', '[::1]:53'],
      ['0:0:0:0:0:0:0:1', '[::1]:53'],
      ['2001:DB8:0::1', '[2001:db8::1]:53'],
      ['::ffff:1.2.3.4', '1.2.3.4:53'],
      ['::FFFF:102:304', '1.2.3.4:53'],
      ['fe80::0:1%eth0', '[fe80::1%eth0]:53'],
    ])('%s is %s at once, without a look-up', (host, key) => {
      const { hosts, lookup } = setUp();
      const peer = hosts.resolve({ host, port: 53 });
      expect(peer).not.toBeInstanceOf(Promise);
      expect(peer).toMatchObject({ key });
      expect(lookup).not.toHaveBeenCalled();
    });
  });

  it('gives one object for the peer that is asked again and again, and others for others', async () => {
    const { hosts } = setUp();
    const first = hosts.resolve({ host: '10.0.0.1', port: 1 });
    expect(hosts.resolve({ host: '10.0.0.1', port: 1 })).toBe(first);
    expect(hosts.resolve({ host: '10.0.0.1', port: 2 })).toMatchObject({ key: '10.0.0.1:2' });
    expect(hosts.resolve({ host: '10.0.0.2', port: 2 })).toMatchObject({ key: '10.0.0.2:2' });
    expect(hosts.resolve({ host: '10.0.0.1', port: 1 })).toMatchObject({ key: '10.0.0.1:1' });
  });

  describe('host names', () => {
    it('are looked up once a minute', async () => {
      const { clock, hosts, lookup } = setUp();
      expect(String(await hosts.resolve({ host: 'a.test', port: 1 }))).toBe('10.0.0.1:1');
      await clock.advance(59_999);
      const known = hosts.resolve({ host: 'a.test', port: 2 });
      expect(known).not.toBeInstanceOf(Promise);
      expect(known).toMatchObject({ key: '10.0.0.1:2' });
      expect(lookup).toHaveBeenCalledTimes(1);
      await clock.advance(1);
      expect(hosts.resolve({ host: 'a.test', port: 1 })).toBeInstanceOf(Promise);
      expect(lookup).toHaveBeenCalledTimes(2);
    });

    it('asked for at once share one look-up', async () => {
      const { hosts, lookup } = setUp();
      const peers = await Promise.all([1, 2, 3].map(async (port) => hosts.resolve({ host: 'a.test', port })));
      expect(peers.map(String)).toEqual(['10.0.0.1:1', '10.0.0.1:2', '10.0.0.1:3']);
      expect(lookup).toHaveBeenCalledTimes(1);
    });

    it.each([0, 4, 6] as const)('are looked up for family %p', async (family) => {
      const { hosts, lookup } = setUp((callback) => callback(null, '::1', 6), family);
      await hosts.resolve({ host: 'a.test', port: 1 });
      expect(lookup).toHaveBeenCalledWith('a.test', { family }, expect.any(Function));
    });

    it('may be answered by a list, of which the first counts', async () => {
      const { hosts } = setUp((callback) =>
        callback(null, [
          { address: '10.0.0.7', family: 4 },
          { address: '10.0.0.8', family: 4 },
        ]),
      );
      expect(String(await hosts.resolve({ host: 'a.test', port: 1 }))).toBe('10.0.0.7:1');
    });

    it('may be answered without a word about errors', async () => {
      const { hosts } = setUp((callback) => callback(undefined as never, '10.0.0.7', 4));
      expect(String(await hosts.resolve({ host: 'a.test', port: 1 }))).toBe('10.0.0.7:1');
    });

    it.each<[string, (callback: Callback) => void]>([
      ['an error', (callback) => callback(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), '')],
      ['an empty text', (callback) => callback(null, '', 4)],
      ['an empty list', (callback) => callback(null, [])],
      ['another name', (callback) => callback(null, 'b.test', 4)],
      [
        'an exception',
        () => {
          throw new Error('broken');
        },
      ],
    ])('answered with %s are not found, and asked for again', async (_what, answer) => {
      const { hosts, lookup } = setUp(answer);
      const error = await rejection(hosts.resolve({ host: 'a.test', port: 1 }) as Promise<unknown>);
      expect(error).toBeInstanceOf(HostNotFoundError);
      expect(error).toMatchObject({ host: 'a.test', code: 'UDP_HOST_NOT_FOUND' });
      await rejection(hosts.resolve({ host: 'a.test', port: 1 }) as Promise<unknown>);
      expect(lookup).toHaveBeenCalledTimes(2);
    });

    it('are kept for 1024 hosts: the one found longest ago is forgotten first', async () => {
      const { hosts, lookup } = setUp();
      for (let index = 0; index <= 1024; index++) await hosts.resolve({ host: `h${index}.test`, port: 1 });
      expect(lookup).toHaveBeenCalledTimes(1025);
      expect(hosts.resolve({ host: 'h1.test', port: 1 })).not.toBeInstanceOf(Promise);
      expect(hosts.resolve({ host: 'h0.test', port: 1 })).toBeInstanceOf(Promise);
    });
  });

  it('fails what is under way, and what comes later, when it closes', async () => {
    const { hosts, lookup } = setUp(() => undefined);
    const waiting = hosts.resolve({ host: 'a.test', port: 1 }) as Promise<unknown>;
    hosts.close();
    expect(await rejection(waiting)).toBeInstanceOf(EndpointClosedError);
    const late = hosts.resolve({ host: 'b.test', port: 1 }) as Promise<unknown>;
    expect(await rejection(late)).toBeInstanceOf(EndpointClosedError);
    expect(lookup).toHaveBeenCalledTimes(1);
    expect(hosts.resolve({ host: '127.0.0.1', port: 1 })).toMatchObject({ key: '127.0.0.1:1' });
  });

  it.each([
    ['peer.host', undefined],
    ['peer.host', null],
    ['peer.host', { port: 1 }],
    ['peer.host', { host: '', port: 1 }],
    ['peer.host', { host: 7, port: 1 }],
    ['peer.port', { host: 'a.test' }],
    ['peer.port', { host: 'a.test', port: 0 }],
    ['peer.port', { host: '127.0.0.1', port: 65_536 }],
    ['peer.port', { host: '127.0.0.1', port: -1 }],
    ['peer.port', { host: '127.0.0.1', port: 1.5 }],
    ['peer.port', { host: '127.0.0.1', port: NaN }],
    ['peer.port', { host: '127.0.0.1', port: '53' }],
  ])('names the field %s of %p at once', (field, peer) => {
    const { hosts, lookup } = setUp();
    let error: unknown;
    try {
      void hosts.resolve(peer as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field });
    expect(lookup).not.toHaveBeenCalled();
  });

  function setUp(
    answer: (callback: Callback) => void = (callback) => callback(null, '10.0.0.1', 4),
    family: 0 | 4 | 6 = 4,
  ) {
    const clock = new ManualClock();
    const lookup = jest.fn<LookupFunction>((_host, _options, callback) => answer(callback));
    return { clock, lookup, hosts: new HostCache(family, clock, lookup) };
  }
});
