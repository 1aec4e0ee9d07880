import { describe, it } from '@jest/globals';
import { loadLibc } from '../../src/endpoint/batch/libc.js';
import { BatchDatagramSocket } from '../../src/endpoint/batch/batch-datagram-socket.js';
import { threadMemory } from '../../src/endpoint/batch/thread-memory.js';
import type { DatagramSocketFactory } from '../../src/endpoint/datagram-socket.js';
import { NodeDatagramSocket } from '../../src/endpoint/node-datagram-socket.js';
import { SOCKET_CHECKS } from '../../src/testing/index.js';

const DRIVERS: Readonly<Record<string, DatagramSocketFactory>> = {
  NodeDatagramSocket: (options, events) => new NodeDatagramSocket(options, events),
  BatchDatagramSocket: async (options, events) => {
    const libc = await loadLibc();
    return new BatchDatagramSocket(libc, threadMemory(libc), options, events);
  },
};

describe.each(Object.entries(DRIVERS))('%s', (_name, createSocket) => {
  it.each(SOCKET_CHECKS)('$name', ({ run }) => run(createSocket));
});
