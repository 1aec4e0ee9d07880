import { describe, expect, it } from '@jest/globals';
import { RawCodec } from '../../src/codec/raw.codec.js';
import { runCodecConformance } from '../../src/testing/codec-conformance.js';

describe('RawCodec', () => {
  const codec = new RawCodec();

  it('keeps the promises of a codec', () => {
    const { refused } = runCodecConformance(codec, {
      valid: [
        { name: 'bytes', packet: { kind: 'raw', data: Buffer.from('00ff10c1', 'hex') } },
        { name: 'a plain Uint8Array', packet: { kind: 'raw', data: Uint8Array.of(1, 2, 3) } },
        { name: 'text', packet: { kind: 'raw', data: 'grüße' } },
        { name: 'nothing', packet: { kind: 'raw', data: '' }, datagram: new Uint8Array(0) },
      ],
    });
    expect(refused).toBe(0);
  });

  it('gives a Buffer of its own', () => {
    const datagram = Buffer.from('abc');
    const { data } = codec.decode(datagram);
    datagram.fill('x');
    expect(data).toBeInstanceOf(Buffer);
    expect(String(data)).toBe('abc');
  });

  it.each([
    ['text, in UTF-8', 'ü', 'c3bc'],
    ['a Buffer', Buffer.from([0, 255]), '00ff'],
    ['a Uint8Array', Uint8Array.of(7), '07'],
  ])('sends %s', (_what, data, hex) => {
    expect(Buffer.from(codec.encode({ kind: 'raw', data })).toString('hex')).toBe(hex);
  });

  it.each([[undefined], [null], [42], [{ a: 1 }], [[1, 2]]])('cannot send %p', (data) => {
    expect(() => codec.encode({ kind: 'raw', data })).toThrow(TypeError);
  });

  it.each([
    { kind: 'request', id: 'k', pattern: 'p', data: 1 },
    { kind: 'event', pattern: 'p', data: 1 },
    { kind: 'reply', id: 'k', response: 1 },
    { kind: 'control', type: 'busy' },
  ] as const)('cannot say a $kind', (packet) => {
    expect(() => codec.encode(packet)).toThrow(new RegExp(packet.kind));
  });
});
