import cluster from 'node:cluster';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { DatagramSocket } from '../../src/endpoint/datagram-socket.js';
import type { DriverChoice } from '../../src/endpoint/driver-choice.js';
import { resolveSocketOptions } from '../../src/endpoint/socket.options.js';

let failure: Error | undefined;
const libc = await import('../../src/endpoint/batch/libc.js');
const { loadLibc } = libc;
jest.unstable_mockModule('../../src/endpoint/batch/libc.js', () => ({
  ...libc,
  loadLibc: () => (failure === undefined ? loadLibc() : Promise.reject(failure)),
}));
const { openSocket } = await import('../../src/endpoint/driver.js');
const { DriverUnavailableError } = await import('../../src/endpoint/endpoint.errors.js');

describe('openSocket', () => {
  const open: DatagramSocket[] = [];
  afterEach(async () => {
    failure = undefined;
    Object.assign(cluster, { isWorker: false });
    await Promise.all(open.splice(0).map((socket) => socket.close()));
  });

  it.each([
    ['auto', 'batch', undefined],
    ['batch', 'batch', undefined],
    ['node', 'node', 'it was asked for'],
  ] as const)('gives for %s the %s driver', async (choice, driver, reason) => {
    expect(await opened(choice)).toMatchObject({ driver });
    expect((await opened(choice)).driverReason).toBe(reason);
  });

  it.each([
    [missing('ERR_MODULE_NOT_FOUND'), 'koffi is not installed'],
    [missing('MODULE_NOT_FOUND'), 'koffi is not installed'],
    [new Error('no such symbol: recvmmsg'), 'no such symbol: recvmmsg'],
  ])('says why it is not the other one: %s', async (error, reason) => {
    failure = error;
    expect(await opened('auto')).toMatchObject({ driver: 'node', driverReason: reason });
    const refused = opened('batch');
    await expect(refused).rejects.toBeInstanceOf(DriverUnavailableError);
    await expect(refused).rejects.toMatchObject({
      code: 'UDP_DRIVER_UNAVAILABLE',
      message: `the batch driver cannot be used: ${reason}`,
      cause: error,
    });
  });

  it('leaves a port that workers share to the driver that can share it', async () => {
    Object.assign(cluster, { isWorker: true });
    const reason = 'the workers of node:cluster share this port';
    expect(await opened('auto', 4000)).toMatchObject({ driver: 'node', driverReason: reason });
    expect(await opened('auto', 0)).toMatchObject({ driver: 'batch' });
    expect(await opened('batch', 4000)).toMatchObject({ driver: 'batch' });
  });

  async function opened(choice: DriverChoice, port = 0): Promise<DatagramSocket> {
    const options = resolveSocketOptions({}, '127.0.0.1', undefined, undefined, choice, port);
    const socket = await openSocket(options, { onDatagrams: () => undefined, onError: () => undefined });
    open.push(socket);
    return socket;
  }
});

function missing(code: string): Error {
  return Object.assign(new Error('Cannot find package'), { code });
}
