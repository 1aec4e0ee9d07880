import { describe, expect, it } from '@jest/globals';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import { resolveOverhead } from '../../src/shaping/overhead.js';

describe('resolveOverhead', () => {
  it.each([
    [undefined, 'IPv4', 100, 100],
    ['payload', 'IPv6', 0, 0],
    ['ip', 'IPv4', 100, 128],
    ['ip', 'IPv6', 100, 148],
    // 8 preamble, 14 header, 4 checksum, 12 gap.
    ['ethernet', 'IPv4', 100, 166],
    ['ethernet', 'IPv6', 100, 186],
    ['ethernet', 'IPv4', 1472, 1538],
    // The shortest frame carries 46 bytes.
    ['ethernet', 'IPv4', 18, 84],
    ['ethernet', 'IPv4', 19, 85],
    ['ethernet', 'IPv4', 0, 84],
    [0, 'IPv4', 7, 7],
    [12.5, 'IPv6', 7, 19.5],
  ] as const)('%p counts %s datagrams of %d bytes as %d', (overhead, family, bytes, cost) => {
    expect(resolveOverhead(overhead, 'overhead')(bytes, family)).toBe(cost);
  });

  it.each(['wire', -1, NaN, 65_536, null, {}])('refuses %p', (value) => {
    expect(() => resolveOverhead(value, 'overhead')).toThrow(InvalidOptionError);
    expect(() => resolveOverhead(value, 'overhead')).toThrow(
      /^overhead must be 'payload', 'ip', 'ethernet' or 0 to 65535 bytes a datagram, got /,
    );
  });
});
