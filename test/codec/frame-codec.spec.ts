import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { decodeFrame, encodeFrame, isFrame } from '../../src/codec/frame-codec.js';
import { segmentOverhead } from '../../src/codec/frame-layout.js';
import type { Frame } from '../../src/codec/frame.js';
import { MalformedDatagramError } from '../../src/codec/malformed-datagram.error.js';
import { SeededRandom } from '../../src/testing/seeded-random.js';

/** The test vectors of PROTOCOL.md: bytes, meaning, fields. */
const VECTORS = vectors();

describe('frames', () => {
  it.each(VECTORS)('%s: %s', (meaning, hex, fields) => {
    expect(meaning).not.toBe('');
    expect(show(decodeFrame(Buffer.from(hex, 'hex')))).toEqual(fields);
    expect(Buffer.from(encodeFrame(frameOf(fields))).toString('hex')).toBe(hex);
  });

  it('are known by their first byte, whatever their version', () => {
    expect([
      isFrame(Uint8Array.of(0xc1)),
      isFrame(Uint8Array.of(0xc1, 9)),
      isFrame(Buffer.from('{}')),
    ]).toEqual([true, true, false]);
  });

  it.each(VECTORS.filter(([, , { bitmap = '', payload = '' }]) => bitmap === '' && payload === ''))(
    '%s: %s is refused one byte shorter',
    (_meaning, hex) => {
      expect(() => decodeFrame(Buffer.from(hex, 'hex').subarray(0, -1))).toThrow(MalformedDatagramError);
    },
  );

  it.each([
    ['another version', 'c10201000123456789abcdef5eed000100000000', 'unknown binary frame'],
    ['a kind of later versions', 'c1010c000123456789abcdef5eed0001', 'unknown binary frame'],
    ['half a token', 'c10104000123456789abcdef5eed000100010203', 'binary frame of a wrong length'],
    [
      'a kind of the other side',
      'c10141000123456789abcdef5eed0001fedcba987654321000000000',
      'unknown binary frame',
    ],
    ['a reason that is not known', 'c10103000123456789abcdef5eed000163', 'unknown binary frame'],
    [
      'a bitmap of 33 bytes',
      `c10107000123456789abcdef5eed0001000000050100${'01'.repeat(33)}`,
      'binary frame of a wrong length',
    ],
  ])('with %s are refused', (_what, hex, reason) => {
    let error: unknown;
    try {
      decodeFrame(Buffer.from(hex, 'hex'));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(MalformedDatagramError);
    expect(error).toMatchObject({ reason });
  });

  it('of random bytes give a frame or a refusal, and nothing else', () => {
    const random = new SeededRandom();
    for (let run = 0; run < 20_000; run++) {
      const bytes = Buffer.from(random.bytes(random.below(60)));
      bytes.set([0xc1, 1].slice(0, bytes.length));
      try {
        expect(typeof decodeFrame(bytes).kind).toBe('string');
      } catch (error) {
        if (!(error instanceof MalformedDatagramError))
          throw new Error(`seed ${random.seed}`, { cause: error });
      }
    }
  });

  it('without a payload are at most 64 bytes long', () => {
    const head = { id: 'f'.repeat(16), client: 'f'.repeat(16), epoch: 2 ** 32 - 1 };
    const ack = {
      kind: 'ack',
      ...head,
      next: 1,
      window: 256,
      bitmap: new Uint8Array(32),
      wantsAnswer: true,
    } as const;
    expect(encodeFrame(ack)).toHaveLength(62);
  });

  it.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('tell what a segment takes beside its payload: asking %p, first %p', (isAsking, isFirst) => {
    const frame: Frame = {
      kind: 'segment',
      id: '0'.repeat(16),
      client: isAsking ? '0'.repeat(16) : undefined,
      epoch: 0,
      seq: 0,
      messageBytes: isFirst ? 10 : undefined,
      isLast: true,
      isEnd: true,
      wantsAck: false,
      ageMs: 0,
      payload: Buffer.from('0123456789'),
    };
    expect(encodeFrame(frame)).toHaveLength(10 + segmentOverhead(isAsking, isFirst));
  });
});

type Fields = Record<string, unknown>;

function vectors(): [meaning: string, hex: string, fields: Fields][] {
  const block = /```frames\n([^`]*)```/.exec(readFileSync('PROTOCOL.md', 'utf8'))?.[1] ?? '';
  const lines = block.trim().split('\n');
  return Array.from({ length: lines.length / 3 }, (_, index) => {
    const [hex = '', meaning = '', fields = ''] = lines.slice(3 * index, 3 * index + 3);
    return [meaning.trim(), hex, JSON.parse(fields) as Fields];
  });
}

/** A frame as the vectors write it: bytes in hex, nothing that is not there. */
function show(frame: Frame): Fields {
  return JSON.parse(
    JSON.stringify(frame, (_key, value: unknown) => {
      const { type, data } = (value ?? {}) as { type?: string; data?: number[] };
      return type === 'Buffer' ? Buffer.from(data ?? []).toString('hex') : value;
    }),
  ) as Fields;
}

function frameOf(fields: Fields): Frame {
  const bytes = (name: string): object =>
    name in fields ? { [name]: Buffer.from(String(fields[name]), 'hex') } : {};
  return { ...fields, ...bytes('bitmap'), ...bytes('payload'), ...bytes('token') } as unknown as Frame;
}
