import { describe, expect, it } from '@jest/globals';
import { sumDrops } from '../../src/endpoint/kernel-drops.js';

// Copied from /proc/net/udp of a Linux 6.1 machine, with made-up drops.
const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  344: 0100007F:3039 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21031 2 0000000000000000 17
  345: 00000000:3039 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21032 2 0000000000000000 3
  346: 0100007F:0035 0100007F:3039 01 00000000:00000000 00:00000000 00000000     0        0 21033 2 0000000000000000 99
`;

describe('sumDrops', () => {
  it.each([
    ['sums the sockets of a port', TABLE, 0x3039, 20],
    ['pads the port to four digits', TABLE, 53, 99],
    ['takes no remote port for a local one', TABLE, 0x9999, 0],
    ['is 0 for an empty table', '', 53, 0],
  ])('%s', (_what, table, port, expected) => {
    expect(sumDrops(table, port)).toBe(expected);
  });
});
