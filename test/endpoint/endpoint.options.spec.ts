import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolved } from './fixture.js';

describe('endpoint options', () => {
  it('have defaults', () => {
    expect(resolved()).toMatchObject({
      maxDatagramSize: 65_507,
      upload: { rateBytesPerSecond: Infinity },
      download: { onLimit: 'delay', queue: { maxBytes: 262_144 } },
      queue: { maxBytes: 16 * 1024 ** 2, maxAgeMs: 30_000 },
      socket: { type: 'udp4', reuseAddr: false, reusePort: false, ipv6Only: false, broadcast: false },
    });
  });

  it.each([
    ['127.0.0.1', undefined, 'udp4'],
    ['localhost', undefined, 'udp4'],
    ['::', undefined, 'udp6'],
    ['localhost', 'udp6', 'udp6'],
  ] as const)('host %s and type %s make a %s socket', (host, type, expected) => {
    expect(resolved({ host, socket: type === undefined ? {} : { type } }).socket.type).toBe(expected);
  });

  it('are frozen, groups and all, whatever the user does to his', () => {
    const groups = [{ group: '239.1.2.3', interface: '127.0.0.1' }, '239.1.2.4'];
    const { socket, ...rest } = resolved({ socket: { multicast: { groups } } });
    groups.length = 0;
    expect(socket.multicast.groups).toHaveLength(2);
    for (const part of [rest, socket, socket.multicast, socket.multicast.groups]) {
      expect(Object.isFrozen(part) || part === rest).toBe(true);
    }
  });

  it.each([
    ['recvBufferSize', { recvBufferSize: 2 ** 31 }],
    ['recvBufferSize', { recvBufferSize: '4 GiB' }],
    ['recvBufferSize', { recvBufferSize: 0.5 }],
    ['recvBufferSize', { recvBufferSize: 0 }],
    ['sendBufferSize', { sendBufferSize: 2 ** 31 }],
    ['sendBufferSize', { sendBufferSize: -1 }],
    ['sendBufferSize', { sendBufferSize: '64' }],
    ['maxDatagramSize', { maxDatagramSize: 0 }],
    ['maxDatagramSize', { maxDatagramSize: 65_508 }],
    ['maxDatagramSize', { maxDatagramSize: 1.5 }],
    ['maxDatagramSize', { maxDatagramSize: '1 kB' }],
    ['upload', { upload: -1 }],
    ['upload', { upload: '10 Mbps' }],
    ['upload.rate', { upload: { rate: NaN } }],
    ['upload.bust', { upload: { bust: 1 } }],
    ['download.onLimit', { download: { onLimit: 'wait' } }],
    ['download.maxBytes', { download: { maxBytes: 0 } }],
    ['queue', { queue: 5 }],
    ['queue.maxBytes', { queue: { maxBytes: Infinity } }],
    ['queue.maxDatagrams', { queue: { maxDatagrams: 0 } }],
    ['queue.maxAge', { queue: { maxAge: -1 } }],
    ['socket', { socket: 'udp4' }],
    ['socket', { socket: [] }],
    ['socket.type', { socket: { type: 'udp5' } }],
    ['socket.reuseAddr', { socket: { reuseAddr: 1 } }],
    ['socket.reusePort', { socket: { reusePort: 'yes' } }],
    ['socket.ipv6Only', { socket: { ipv6Only: null } }],
    ['socket.broadcast', { socket: { broadcast: 'true' } }],
    ['socket.ttl', { socket: { ttl: 0 } }],
    ['socket.ttl', { socket: { ttl: 256 } }],
    ['socket.lookup', { socket: { lookup: 'dns' } }],
    ['socket.signal', { socket: { signal: {} } }],
    ['socket.timeout', { socket: { timeout: 1 } }],
    ['socket.multicast', { socket: { multicast: '239.1.1.1' } }],
    ['socket.multicast.groups', { socket: { multicast: { groups: '239.1.1.1' } } }],
    ['socket.multicast.groups[0]', { socket: { multicast: { groups: [5] } } }],
    ['socket.multicast.groups[1]', { socket: { multicast: { groups: ['239.1.1.1', 'all'] } } }],
    ['socket.multicast.groups[0].group', { socket: { multicast: { groups: [{}] } } }],
    [
      'socket.multicast.groups[0].interface',
      { socket: { multicast: { groups: [{ group: '239.1.1.1', interface: 5 }] } } },
    ],
    [
      'socket.multicast.groups[0].ttl',
      { socket: { multicast: { groups: [{ group: '239.1.1.1', ttl: 5 }] } } },
    ],
    ['socket.multicast.interface', { socket: { multicast: { interface: 1 } } }],
    ['socket.multicast.ttl', { socket: { multicast: { ttl: -1 } } }],
    ['socket.multicast.loopback', { socket: { multicast: { loopback: 0 } } }],
    ['socket.multicast.group', { socket: { multicast: { group: '239.1.1.1' } } }],
    ['sokcet', { sokcet: {} }],
  ])('names %s in %p', (field, options) => {
    let error: unknown;
    try {
      resolved(options as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field });
  });

  it('needs Node 22.12 for reusePort, and says so', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const resolve = () => resolved({ socket: { reusePort: true } });
    if (major > 22 || (major === 22 && minor >= 12)) expect(resolve().socket.reusePort).toBe(true);
    else expect(resolve).toThrow(`socket.reusePort needs Node 22.12 or later, this is ${process.version}`);
  });
});
