import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ThrottledUdpTransport, type DatagramSocket, type UdpEnvironment } from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';

describe('ThrottledUdpTransport', () => {
  afterEach(() => void jest.restoreAllMocks());

  // What the kernel reports for a buffer that it granted.
  const factor = process.platform === 'linux' ? 2 : 1;

  it.each([
    [1000, []],
    [1024, []],
    [999, ["recvBufferSize is 999 bytes, 1000 were asked: the kernel's limit is lower"]],
    [600, ["recvBufferSize is 600 bytes, 1000 were asked: the kernel's limit is lower"]],
  ])('tells once whether a buffer of 1000 bytes was granted: %p', async (granted, told) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    const network = new VirtualNetwork({ clock: new ManualClock() }).environment();
    const environment: UdpEnvironment = {
      ...network,
      createSocket: (options, events) => {
        const socket: DatagramSocket = network.createSocket(options, events);
        socket.bufferSizes = () => ({ recv: factor * granted, send: factor * granted });
        return socket;
      },
    };
    const transport = new ThrottledUdpTransport({ port: 5000, recvBufferSize: 1000 }, environment);
    await new Promise((resolve) => transport.listen(resolve));
    expect(warn.mock.calls.flat()).toEqual(told);
    await transport.close();
  });
});
