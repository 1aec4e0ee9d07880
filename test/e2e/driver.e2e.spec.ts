import { afterEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { DriverUnavailableError, ThrottledUdpClient, ThrottledUdpTransport } from '../../src/index.js';

const isInstalled = await import('koffi').then(
  () => true,
  () => false,
);
const open: { close(): Promise<void> }[] = [];
afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

it('a transport tells its driver when it starts and in its figures, and why it is not the other', async () => {
  const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const transport = new ThrottledUdpTransport({ port: 0 });
  open.push(transport);
  expect(transport.stats()).toMatchObject({ driver: undefined, driverReason: undefined });
  await new Promise<void>((resolve) => transport.listen(() => resolve()));
  const [line] = log.mock.calls.flat();
  const warnings = warn.mock.calls.length;
  log.mockRestore();
  warn.mockRestore();
  expect(line).toMatch(isInstalled ? /, driver batch$/ : /, driver node \(koffi is not installed\)$/);
  expect(warnings).toBe(0);
  expect(transport.stats()).toMatchObject(
    isInstalled
      ? { driver: 'batch', driverReason: undefined }
      : { driver: 'node', driverReason: 'koffi is not installed' },
  );
});

it('a client has the driver that it asks for, or says that it cannot have it', async () => {
  const node = new ThrottledUdpClient({ driver: 'node' });
  const batch = new ThrottledUdpClient({ driver: 'batch' });
  open.push(node, batch);
  await node.connect();
  expect(node.stats()).toMatchObject({ driver: 'node', driverReason: 'it was asked for' });
  if (isInstalled) {
    await batch.connect();
    expect(batch.stats().driver).toBe('batch');
  } else {
    await expect(batch.connect()).rejects.toBeInstanceOf(DriverUnavailableError);
  }
});

it('a word that names no driver is refused by name', () => {
  expect(() => new ThrottledUdpTransport({ driver: 'io_uring' as never })).toThrow(/driver/);
});
