import { describe, expect, it } from '@jest/globals';
import { readSettings } from './settings.js';

describe('readSettings', () => {
  it('listens on loopback and knows nobody, unless told', () => {
    expect(readSettings({})).toMatchObject({ host: '127.0.0.1', port: 6881, bootstrap: [] });
  });

  it('reads every variable', () => {
    expect(
      readSettings({
        DHT_HOST: '0.0.0.0',
        DHT_PORT: '0',
        DHT_UPLOAD: '1 kB/s',
        DHT_DOWNLOAD: '100 B/s',
        DHT_BOOTSTRAP: '10.0.0.1:6881, node.example:1',
      }),
    ).toEqual({
      host: '0.0.0.0',
      port: 0,
      upload: 1000,
      download: 100,
      bootstrap: [
        { host: '10.0.0.1', port: 6881 },
        { host: 'node.example', port: 1 },
      ],
    });
  });

  it.each([
    ['DHT_PORT', ''],
    ['DHT_PORT', '0x1F'],
    ['DHT_PORT', '65536'],
    ['DHT_UPLOAD', 'fast'],
    ['DHT_DOWNLOAD', '-1'],
    ['DHT_BOOTSTRAP', 'node.example'],
    ['DHT_BOOTSTRAP', 'node.example:'],
    ['DHT_BOOTSTRAP', 'node.example:0'],
    ['DHT_BOOTSTRAP', '10.0.0.1:1:2'],
  ])('names %s when it is %j', (name, value) => {
    expect(() => readSettings({ [name]: value })).toThrow(name);
  });
});
