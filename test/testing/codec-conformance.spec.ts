import { beforeEach, describe, expect, it } from '@jest/globals';
import { AssertionError } from 'node:assert';
import type { DatagramCodec } from '../../src/codec/datagram-codec.js';
import { MalformedDatagramError } from '../../src/codec/malformed-datagram.error.js';
import type { Packet } from '../../src/codec/packet.js';
import { runCodecConformance, type CodecSample } from '../../src/testing/codec-conformance.js';

describe('runCodecConformance', () => {
  beforeEach(() => (kept = undefined));

  it('passes a codec that keeps its promises, and tells what it did', () => {
    const summary = runCodecConformance(new LetterCodec(), {
      valid: letters(),
      malformed: [Buffer.from('no')],
      seed: 1,
      runs: 200,
    });
    expect(summary).toMatchObject({ codec: 'letter', seed: 1 });
    expect([...summary.reasons].sort()).toEqual(['empty', 'no letter']);
    expect(summary.decoded).toBeGreaterThan(0);
    expect(summary.refused).toBeGreaterThan(200);
  });

  it('does the same from the same seed, and picks one when none is given', () => {
    const run = (seed?: number) =>
      runCodecConformance(new LetterCodec(), {
        valid: letters(),
        runs: 50,
        ...(seed === undefined ? {} : { seed }),
      });
    expect(run(5)).toEqual(run(5));
    expect(run(run().seed).seed).toBeGreaterThanOrEqual(0);
  });

  it.each<[string, RegExp, Partial<DatagramCodec>]>([
    ['has no name', /has no name/, { name: '' }],
    ['does not say whether it carries the exchange', /exchange/, { exchange: 1 as never }],
    [
      'throws another error',
      /throws TypeError: broken.* instead of a MalformedDatagramError/s,
      failing(TypeError),
    ],
    ['refuses its own packets', /refuses its own 'event a'/, failing(MalformedDatagramError)],
    [
      'decodes to nothing',
      /which is no packet/,
      { decode: (data) => (data.length === 0 ? (undefined as never) : new LetterCodec().decode(data)) },
    ],
    ['decodes to a promise', /which is no packet/, { decode: (async () => EVENT) as never }],
    [
      'loses data on the way',
      /gives .* instead of .*: decode\(encode\(packet\)\) of 'event a'/s,
      { decode: (data) => ({ ...(new LetterCodec().decode(data) as typeof EVENT), data: 'z' }) },
    ],
    [
      'gives two packets for one',
      /gives 2 packets for one/,
      { decode: (data) => [new LetterCodec().decode(data), new LetterCodec().decode(data)] },
    ],
    [
      'keeps a reference to the bytes',
      /keeps a reference/,
      {
        decode: (data) => {
          const packet = new LetterCodec().decode(data) as typeof EVENT;
          return {
            kind: 'event',
            pattern: 'letter',
            get data() {
              return data.length === 1 ? String.fromCharCode(data[0] as number) : packet.data;
            },
          };
        },
      },
    ],
    [
      'changes the bytes it was given',
      /changes the bytes it was given/,
      {
        decode: (data) => {
          const packet = new LetterCodec().decode(data);
          data.fill(0);
          return packet;
        },
      },
    ],
    [
      'understands only Buffers',
      /instead of a MalformedDatagramError/,
      { decode: (data: Buffer) => letter(data.readUInt8(0)) },
    ],
    [
      'encodes differently each time',
      /encodes 'event a' differently/,
      { encode: () => Buffer.from([97 + (turn++ % 2)]) },
    ],
    ['encodes to text', /which is no Uint8Array/, { encode: () => 'a' as never }],
    ['encodes events to nothing', /encodes 'event a' to nothing/, { encode: () => undefined }],
    [
      'changes the packet',
      /changes the packet 'event a'/,
      {
        encode: (packet) => {
          const bytes = new LetterCodec().encode(packet);
          (packet as { data: string }).data = 'q';
          return bytes;
        },
      },
    ],
    [
      'writes all packets into one buffer',
      /writes over the bytes of 'event a'/,
      {
        encode: (packet) => {
          scratch.set(new LetterCodec().encode(packet));
          return scratch;
        },
      },
    ],
    [
      'takes memory for clean',
      /encodes 'event a' differently into memory that it is given/,
      { encode: (packet, { allocate }) => allocate?.(1) ?? new LetterCodec().encode(packet) },
    ],
    [
      'keeps the memory that it was given',
      /encodes 'event a' differently into memory that it is given/,
      {
        encode: (packet, { allocate }) => {
          const bytes = new LetterCodec().encode(packet);
          if (allocate === undefined) return bytes;
          if (kept === undefined) {
            kept = allocate(1);
            kept.set(bytes);
          }
          return kept;
        },
      },
    ],
    [
      "makes reasons of the peer's text",
      /refuses datagrams for \d+ reasons/,
      {
        decode: (data) => {
          if (data.length === 1) return new LetterCodec().decode(data);
          throw new MalformedDatagramError(`no letter: ${data.length}`);
        },
      },
    ],
    ['creates one id for ever', /creates the id 7 over and over/, { createId: () => 7 }],
    ['creates ids that are no ids', /creates the id/, { createId: () => Symbol('id') as never }],
    [
      'decodes ids that no reply can name',
      /with the id Infinity/,
      { decode: () => ({ kind: 'request', id: Infinity, pattern: 'letter', data: 'a' }) },
    ],
  ])('fails a codec that %s', (_name, message, broken) => {
    const codec: DatagramCodec = Object.assign(Object.create(new LetterCodec()), broken);
    const run = () => runCodecConformance(codec, { valid: letters(), runs: 100, seed: 77 });
    expect(run).toThrow(AssertionError);
    expect(run).toThrow(message);
    expect(run).toThrow(/\(seed 77\)$/);
  });

  it('fails a codec that takes what is malformed', () => {
    const run = () =>
      runCodecConformance(new LetterCodec(), { valid: letters(), malformed: [Buffer.from('b')] });
    expect(run).toThrow(/decodes 62, which is malformed/);
  });

  it('fails a codec that reads a golden datagram in another way', () => {
    const golden: CodecSample = { ...(letters()[0] as CodecSample), datagram: Buffer.from('b') };
    expect(() => runCodecConformance(new LetterCodec(), { valid: [golden] })).toThrow(
      /decoding the datagram of 'event a'/,
    );
  });

  it.each<[string, readonly CodecSample[]]>([
    ['no samples', []],
    ['an empty sample', [{ name: 'nothing' }]],
  ])('refuses %s', (_name, valid) => {
    expect(() => runCodecConformance(new LetterCodec(), { valid })).toThrow(AssertionError);
  });

  it('lets a codec say nothing where a reply has no word', () => {
    const end: CodecSample = { name: 'end', packet: { kind: 'reply', id: 1, isDisposed: true } };
    expect(() =>
      runCodecConformance(new LetterCodec(), { valid: [...letters(), end], runs: 10 }),
    ).not.toThrow();
  });
});

/** A protocol of one small letter. */
class LetterCodec implements DatagramCodec {
  readonly name: string = 'letter';
  readonly exchange: boolean = false;

  decode(datagram: Uint8Array): Packet {
    if (datagram.length === 0) throw new MalformedDatagramError('empty');
    const [byte = 0] = datagram;
    if (datagram.length > 1 || byte < 97 || byte > 122) throw new MalformedDatagramError('no letter');
    return letter(byte);
  }

  encode(packet: Packet): Uint8Array {
    if (packet.kind === 'reply') return undefined as never;
    return Uint8Array.of((packet as typeof EVENT).data.charCodeAt(0));
  }
}

function letter(byte: number): Packet {
  return { kind: 'event', pattern: 'letter', data: String.fromCharCode(byte) };
}

function failing(ErrorType: new (text: string) => Error): Partial<DatagramCodec> {
  return {
    decode: () => {
      throw new ErrorType('broken');
    },
  };
}

let turn = 0;

let kept: Buffer | undefined;

const scratch = new Uint8Array(1);

const EVENT = { kind: 'event', pattern: 'letter', data: 'a' } satisfies Packet;

/** Made anew for each run: some of the broken codecs write into them. */
function letters(): readonly CodecSample[] {
  return ['a', 'z'].map((data) => ({ name: `event ${data}`, packet: { ...EVENT, data } }));
}
