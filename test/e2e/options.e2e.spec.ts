import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  InvalidOptionError,
  ThrottledUdpClient,
  ThrottledUdpModule,
  ThrottledUdpTransport,
  type ThrottledUdpClientOptions,
  type ThrottledUdpTransportOptions,
} from '../../src/index.js';

const WRONG: readonly [field: string, options: object, sentence: string][] = [
  ['port', { port: 70_000 }, 'port must be a whole number from 0 to 65535, got 70000'],
  ['port', { port: '3000' }, "port must be a whole number from 0 to 65535, got '3000'"],
  ['host', { host: '' }, "host must be a text that is not empty, got ''"],
  [
    'upload',
    { upload: 'fast' },
    "upload is not clear: 'fast'; write for example '100 B/s', '64 KiB/s', '1 MB/s' or '",
  ],
  ['download.rate', { download: { rate: -1 } }, 'download.rate must not be negative, got -1'],
  ['allow[0]', { allow: ['10.0.0.0/33'] }, "allow[0] must be an address or a CIDR range, got '10.0.0.0/33'"],
  ['deny[1]', { deny: ['::1', 'localhost'] }, "deny[1] must be an address or a CIDR range, got 'localhost'"],
  ['deny', { deny: '10.0.0.0/8' }, "deny must be a list of addresses and CIDR ranges, got '10.0.0.0/8'"],
  [
    'maxConcurrentHandlers',
    { maxConcurrentHandlers: 0 },
    'maxConcurrentHandlers must be a whole number from 1 to 16777216, got 0',
  ],
  ['maxWaitingBytes', { maxWaitingBytes: Infinity }, 'maxWaitingBytes must be finite'],
  [
    'drainTimeout',
    { drainTimeout: -5 },
    'drainTimeout must be a number of milliseconds that is not negative, got -5',
  ],
  ['codec', { codec: {} }, 'codec must have the method decode() and encode()'],
  ['uplaod', { uplaod: '1 MB/s' }, 'uplaod is not an option; known here: '],
  ['queue.maxByte', { queue: { maxByte: 1 } }, 'queue.maxByte is not an option; known here: '],
];

describe.each(WRONG)('a wrong %s: %j', (field, wrong, sentence) => {
  // Nothing is bound: what would be first is that the options are read.
  const options = { port: 0, ...wrong } as ThrottledUdpTransportOptions;

  const isClear = (error: unknown): void => {
    expect(error).toBeInstanceOf(InvalidOptionError);
    const { message, code, ...facts } = error as InvalidOptionError;
    expect(message.slice(0, sentence.length)).toBe(sentence);
    expect(message).not.toContain('\n');
    expect([code, facts.field]).toEqual(['UDP_INVALID_OPTION', field]);
  };

  it('is refused by the constructor', () => {
    isClear(thrownBy(() => new ThrottledUdpTransport(options)));
  });

  it('is refused at start through forRoot', async () => {
    isClear(await startError(ThrottledUdpModule.forRoot(options)));
  });

  it('is refused at start through forRootAsync', async () => {
    isClear(await startError(ThrottledUdpModule.forRootAsync({ useFactory: () => options })));
  });
});

describe('a client', () => {
  it.each([
    [{ port: 70_000 }, 'port must be a whole number from 1 to 65535, got 70000'],
    [{ deny: ['10.0.0.0/33'] }, "deny[0] must be an address or a CIDR range, got '10.0.0.0/33'"],
    [{ maxConcurrentHandlers: 1 }, 'maxConcurrentHandlers is not an option; known here: allow, '],
  ])('refuses %j', (options, sentence) => {
    expect(() => new ThrottledUdpClient(options as ThrottledUdpClientOptions)).toThrow(sentence);
  });
});

async function startError(imported: ReturnType<typeof ThrottledUdpModule.forRoot>): Promise<unknown> {
  return Test.createTestingModule({ imports: [imported] })
    .compile()
    .then(
      () => undefined,
      (error: unknown) => error,
    );
}

function thrownBy(task: () => unknown): unknown {
  try {
    task();
  } catch (error) {
    return error;
  }
  return undefined;
}
