import * as dgram from 'node:dgram';
import { expect, it, jest } from '@jest/globals';
import { resolveSocketOptions } from '../../src/endpoint/socket.options.js';

const asked: object[] = [];

// Node 20 ignores what it does not know: only the call itself shows whether it was asked.
jest.unstable_mockModule('node:dgram', () => ({
  ...dgram,
  createSocket: (options: dgram.SocketOptions) => {
    asked.push(options);
    return dgram.createSocket(options);
  },
}));

it.each([
  [true, { reusePort: true }],
  [false, {}],
])('NodeDatagramSocket asks to share its port when it was told to: %p', async (reusePort, expected) => {
  const { NodeDatagramSocket } = await import('../../src/endpoint/node-datagram-socket.js');
  const socket = new NodeDatagramSocket(
    { ...resolveSocketOptions({}, '127.0.0.1', undefined, undefined), reusePort },
    { onDatagrams: () => undefined, onError: () => undefined },
  );
  const { reusePort: got } = asked.at(-1) as { reusePort?: boolean };
  expect(got).toBe((expected as { reusePort?: boolean }).reusePort);
  const bind = jest.spyOn(dgram.Socket.prototype, 'bind');
  await socket.bind('127.0.0.1', 0);
  expect(bind.mock.calls[0]?.[0]).toMatchObject({ exclusive: true });
  bind.mockRestore();
  await socket.close();
});
