import { describe, expect, it } from '@jest/globals';
import { ClientTCP, type ProducerDeserializer } from '@nestjs/microservices';
import { JsonCodec, type JsonCodecOptions } from '../../src/codec/json.codec.js';
import { MalformedDatagramError } from '../../src/codec/malformed-datagram.error.js';
import type { Packet } from '../../src/codec/packet.js';
import { runCodecConformance } from '../../src/testing/codec-conformance.js';

const GOLDEN: readonly [name: string, text: string, packet: Packet][] = [
  [
    'a request',
    '{"pattern":"sum","data":[1,2,3],"id":"k3"}',
    { kind: 'request', id: 'k3', pattern: 'sum', data: [1, 2, 3] },
  ],
  [
    'a request with metadata and a pattern object',
    '{"pattern":{"cmd":"sum"},"data":{},"id":9,"metadata":{"trace":"abc"}}',
    { kind: 'request', id: 9, pattern: { cmd: 'sum' }, data: {}, metadata: { trace: 'abc' } },
  ],
  ['an event', '{"pattern":"reading","data":21.5}', { kind: 'event', pattern: 'reading', data: 21.5 }],
  ['an event without data', '{"pattern":"ping"}', { kind: 'event', pattern: 'ping', data: undefined }],
  ['an event of a number', '{"pattern":7,"data":null}', { kind: 'event', pattern: 7, data: null }],
  [
    'a reply that ends the request',
    '{"id":"k3","response":6,"isDisposed":true}',
    { kind: 'reply', id: 'k3', response: 6, isDisposed: true },
  ],
  ['a value of a stream', '{"id":"k3","response":"ü"}', { kind: 'reply', id: 'k3', response: 'ü' }],
  [
    'a value of a stream that JSON has no word for',
    '{"id":"k3","isDisposed":false}',
    { kind: 'reply', id: 'k3', response: undefined, isDisposed: false },
  ],
  ['the end of a stream', '{"id":"k3","isDisposed":true}', { kind: 'reply', id: 'k3', isDisposed: true }],
  [
    'an error of an application',
    '{"id":"k3","err":{"message":"no"},"status":"error","isDisposed":true}',
    { kind: 'reply', id: 'k3', err: { message: 'no' }, status: 'error', isDisposed: true },
  ],
  [
    'an error of the transport',
    '{"id":"k3","err":"no handler","status":"error","code":"no-handler","isDisposed":true}',
    { kind: 'reply', id: 'k3', err: 'no handler', status: 'error', code: 'no-handler', isDisposed: true },
  ],
  [
    'a request of the exchange',
    '{"v":1,"x":"fedcba987654321002000003e8ffffffff5eed0001","pattern":"sum","data":1,"id":"0123456789abcdef"}',
    {
      kind: 'request',
      id: '0123456789abcdef',
      pattern: 'sum',
      data: 1,
      stamp: {
        client: 'fedcba9876543210',
        attempt: 2,
        ageMs: 1000,
        patienceMs: Infinity,
        epoch: 0x5eed0001,
        eventId: undefined,
      },
    },
  ],
  [
    'a confirmable event',
    '{"v":1,"x":"fedcba98765432100100000000000013885eed00010123456789abcdef","pattern":"reading","data":21.5}',
    {
      kind: 'event',
      pattern: 'reading',
      data: 21.5,
      stamp: {
        client: 'fedcba9876543210',
        attempt: 1,
        ageMs: 0,
        patienceMs: 5000,
        epoch: 0x5eed0001,
        eventId: '0123456789abcdef',
      },
    },
  ],
  [
    'a reply of the exchange',
    '{"v":1,"x":"5eed00010200000011","id":"0123456789abcdef","response":6,"isDisposed":true}',
    {
      kind: 'reply',
      id: '0123456789abcdef',
      response: 6,
      isDisposed: true,
      stamp: { epoch: 0x5eed0001, attempt: 2, heldMs: 17 },
    },
  ],
];

const MALFORMED: readonly [reason: string, datagram: string | Uint8Array][] = [
  ['empty', ''],
  ['unknown binary frame', Uint8Array.of(0xc1)],
  ['not JSON', 'hello'],
  ['not JSON', '{"pattern":"x"'],
  ['not JSON', '{"pattern":"x"} trailing'],
  ['not JSON', '\ufeff{"pattern":"x"}'],
  ['not JSON', Uint8Array.of(0x7b, 0x00, 0x7d)],
  ['not an object', 'null'],
  ['not an object', '42'],
  ['not an object', '"pattern"'],
  ['not an object', '[{"pattern":"x"}]'],
  ['neither a pattern nor a reply', '{}'],
  ['neither a pattern nor a reply', '{"id":"k"}'],
  ['neither a pattern nor a reply', '{"response":1,"isDisposed":true}'],
  ['pattern of a wrong type', '{"pattern":null}'],
  ['pattern of a wrong type', '{"pattern":true}'],
  ['pattern of a wrong type', '{"pattern":["a"]}'],
  ['id of a wrong type', '{"pattern":"x","id":null}'],
  ['id of a wrong type', '{"pattern":"x","id":{}}'],
  ['id of a wrong type', '{"pattern":"x","id":[1]}'],
  ['id of a wrong type', '{"pattern":"x","id":true}'],
  ['id of a wrong type', '{"pattern":"x","id":1e999}'],
  ['id of a wrong type', '{"id":false,"response":1}'],
  ['metadata of a wrong type', '{"pattern":"x","metadata":null}'],
  ['metadata of a wrong type', '{"pattern":"x","metadata":[]}'],
  ['metadata of a wrong type', '{"pattern":"x","metadata":"a"}'],
  ['metadata of a wrong type', '{"pattern":"x","metadata":{"a":1}}'],
];

describe('JsonCodec', () => {
  const codec = new JsonCodec();
  const decode = (text: string): Packet => codec.decode(Buffer.from(text));

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
  ])("says %s in a stream so that Nest's own clients take it for a value too", async (_what, response) => {
    const text = Buffer.from(
      codec.encode({ kind: 'reply', id: 'k3', response, isDisposed: false }),
    ).toString();
    // The deserializer of Nest's own clients, which Nest 11 does not export by itself.
    class TcpClient extends ClientTCP {
      get reads(): ProducerDeserializer {
        return this.deserializer;
      }
    }
    const read: unknown = await new TcpClient({}).reads.deserialize(JSON.parse(text));
    expect(read).toEqual({ id: 'k3', isDisposed: false });
    expect(decode(text)).toMatchObject({ kind: 'reply', response: undefined, isDisposed: false });
  });

  it('keeps the promises of a codec', () => {
    runCodecConformance(codec, {
      valid: GOLDEN.map(([name, text, packet]) => ({ name, packet, datagram: Buffer.from(text) })),
      malformed: MALFORMED.map(([, datagram]) => Buffer.from(datagram)),
    });
  });

  describe('golden vectors', () => {
    it.each(GOLDEN)('%s: %s', (_name, text, packet) => {
      expect(Buffer.from(codec.encode(packet)).toString()).toBe(text);
      expect(decode(text)).toEqual({ ...absentFields(packet), ...packet });
    });

    it('a request, byte by byte', () => {
      const packet: Packet = { kind: 'request', id: 'k3', pattern: 'sum', data: [1, 2] };
      expect(Buffer.from(codec.encode(packet)).toString('hex')).toBe(
        '7b' + // {
          '227061747465726e223a2273756d22' + // "pattern":"sum"
          '2c2264617461223a5b312c325d' + // ,"data":[1,2]
          '2c226964223a226b3322' + // ,"id":"k3"
          '7d', // }
      );
    });
  });

  it('tells a value with a form of its own its key, as JSON.stringify() does', () => {
    const form = { toJSON: (key: string) => `as ${key}` };
    const saying = Object.assign(() => undefined, form);
    const text = (packet: Packet): string => Buffer.from(codec.encode(packet)).toString();
    for (const value of [form, saying]) {
      expect(text({ kind: 'event', pattern: 'a', data: value })).toBe('{"pattern":"a","data":"as data"}');
      const reply = { kind: 'reply', id: 'k', response: value } as const;
      const end = value === form ? '' : ',"isDisposed":false';
      expect(text(reply)).toBe(`{"id":"k","response":"as response"${end}}`);
    }
  });

  describe('a long text', () => {
    const LONG = 'x'.repeat(5000);
    const encode = (packet: Packet, allocate?: (bytes: number) => Buffer): string =>
      Buffer.from(codec.encode(packet, { allocate })).toString();

    it.each([
      ['that needs no escapes', LONG],
      ['with a quote', `${LONG}"`],
      ['with a backslash', `\\${LONG}`],
      ['of lines', `${LONG}\r\n${LONG}\n`],
      ['with a tab', `a\t${LONG}`],
      ['with a control character', `${LONG}\u0000`],
      ['with a colour of a terminal', `\u001b[31m${LONG}`],
      ['in other letters', 'ürü'.repeat(2000)],
      ['of pairs of surrogates', '\u{1f980}'.repeat(3000)],
      ['with half a pair', `${LONG}\ud83e`],
      ['as a part of more', { text: LONG, list: [LONG, `"${LONG}`] }],
    ])('%s is written as JSON.stringify() writes it', (_what, data) => {
      const reply = { id: 'k3', response: data, isDisposed: true };
      expect(encode({ kind: 'reply', ...reply })).toBe(JSON.stringify(reply));
      expect(encode({ kind: 'reply', id: 'k3', response: data })).toBe(
        JSON.stringify({ id: 'k3', response: data }),
      );
      const request = { pattern: 'a', data, id: 'k4' };
      expect(encode({ kind: 'request', ...request })).toBe(JSON.stringify(request));
    });

    it('is written into memory that it is given, all of it', () => {
      const taken: Buffer[] = [];
      const allocate = (bytes: number): Buffer => {
        // At an odd place of something that is larger.
        const memory = Buffer.alloc(bytes + 9, 0xee).subarray(3, bytes + 3);
        taken.push(memory);
        return memory;
      };
      const packet: Packet = { kind: 'reply', id: 'k3', response: LONG, isDisposed: true };
      const stamp = { epoch: 1, attempt: 2, heldMs: 3 };
      for (const reply of [packet, { ...packet, stamp }, { ...packet, response: [LONG] }]) {
        const bytes = codec.encode(reply, { allocate });
        expect(bytes).toBe(taken.at(-1));
        expect(Buffer.from(bytes).toString()).toBe(Buffer.from(codec.encode(reply)).toString());
      }
      expect(taken).toHaveLength(3);
    });
  });

  describe('decode', () => {
    it.each(MALFORMED)('refuses %s', (reason, datagram) => {
      let error: unknown;
      try {
        codec.decode(Buffer.from(datagram));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(MalformedDatagramError);
      expect(error).toMatchObject({ reason, code: 'UDP_MALFORMED_DATAGRAM' });
    });

    it.each([0, 1, 2, 0x43, 0xff])('refuses a binary frame of version %p', (version) => {
      expect(() => codec.decode(Uint8Array.of(0xc1, version, 1, 2, 3))).toThrow('unknown binary frame');
    });

    it('takes keys in any order, and ignores those it does not know', () => {
      expect(decode(' {"v":1,"id":7,"data":null,"x":{},"pattern":{"cmd":"a"}}\n')).toEqual({
        kind: 'request',
        id: 7,
        pattern: { cmd: 'a' },
        data: null,
        metadata: undefined,
      });
    });

    it('takes a pattern beside a response for a question, as Nest does', () => {
      expect(decode('{"pattern":"a","id":"k","response":1}').kind).toBe('request');
    });

    it('reads an err of null and a bare end', () => {
      expect(decode('{"id":"k","err":null,"isDisposed":true}')).toMatchObject({
        kind: 'reply',
        err: null,
        isDisposed: true,
      });
      expect(decode('{"id":"k","isDisposed":true}')).toMatchObject({ response: undefined, isDisposed: true });
    });

    it.each([
      ['"true"', false],
      ['1', false],
      ['false', false],
      ['true', true],
    ])('believes an isDisposed of %s: %p', (text, isDisposed) => {
      expect(decode(`{"id":"k","response":1,"isDisposed":${text}}`)).toMatchObject({ isDisposed });
    });

    it('drops a status and a code of a wrong type', () => {
      expect(decode('{"id":"k","err":"e","status":{},"code":5}')).toMatchObject({
        status: undefined,
        code: undefined,
      });
    });

    it('reads text that is not UTF-8 as replacement characters', () => {
      const datagram = Buffer.concat([
        Buffer.from('{"pattern":"'),
        Buffer.from([0xff]),
        Buffer.from('","data":1}'),
      ]);
      expect(codec.decode(datagram)).toMatchObject({ pattern: '\ufffd' });
    });
  });

  describe('stamps', () => {
    const STAMP = {
      client: 'fedcba9876543210',
      attempt: 1,
      ageMs: 0,
      patienceMs: 5000,
      epoch: 0,
      eventId: undefined,
    };

    it.each([
      ['of another version', '{"v":2,"x":"X","pattern":"a","id":"0123456789abcdef"}'],
      ['without a version', '{"x":"X","pattern":"a","id":"0123456789abcdef"}'],
      ['beside an id of another form', '{"v":1,"x":"X","pattern":"a","id":"k3"}'],
      ['beside an id in capitals', '{"v":1,"x":"X","pattern":"a","id":"0123456789ABCDEF"}'],
      ['of an event that is not confirmable', '{"v":1,"x":"X","pattern":"a"}'],
      ['that is cut short', '{"v":1,"x":"fedcba98765432","pattern":"a","id":"0123456789abcdef"}'],
      ['that is no text', '{"v":1,"x":7,"pattern":"a","id":"0123456789abcdef"}'],
    ])('%s are none: the peer speaks plain JSON', (_what, text) => {
      const whole = text.replace('X', 'fedcba987654321001000000000000138800000000');
      expect(decode(whole)).toMatchObject({ pattern: 'a', stamp: undefined });
    });

    it('are written over in place', () => {
      const packet: Packet = {
        kind: 'request',
        id: '0123456789abcdef',
        pattern: 'a',
        data: 'ü',
        stamp: STAMP,
      };
      const datagram = codec.encode(packet);
      const { length } = datagram;
      const later = { ...STAMP, attempt: 3, ageMs: 4000, patienceMs: 1000, epoch: 7 };
      codec.restamp(datagram, later);
      expect(datagram).toHaveLength(length);
      expect(codec.decode(datagram)).toEqual({ ...packet, metadata: undefined, stamp: later });
    });

    it.each(['é', 'é'.repeat(5000), 'x'.repeat(5000), ''])(
      'are taken off again: what is left is the packet without one',
      (response) => {
        const packet: Packet = { kind: 'reply', id: '0123456789abcdef', response, isDisposed: true };
        const stamped = codec.encode({ ...packet, stamp: { epoch: 7, attempt: 2, heldMs: 5 } });
        expect(codec.decode(stamped)).toMatchObject({ response, stamp: { epoch: 7 } });
        const plain = codec.encode(packet);
        expect(JSON.parse(String(plain))).toEqual({ id: packet.id, response, isDisposed: true });
        expect(Buffer.from(codec.unstamp(stamped)).equals(plain)).toBe(true);
      },
    );

    it('hold numbers within their bounds', () => {
      const stamp = { ...STAMP, attempt: 1000, ageMs: 2 ** 40, patienceMs: -5 };
      const packet: Packet = { kind: 'request', id: '0123456789abcdef', pattern: 'a', data: 1, stamp };
      expect(codec.decode(codec.encode(packet))).toMatchObject({
        stamp: { attempt: 255, ageMs: 2 ** 32 - 1, patienceMs: 0 },
      });
    });
  });

  describe('hostile text', () => {
    it.each([
      '{"__proto__":{"pattern":"x","polluted":true},"id":"k"}',
      '{"pattern":"x","data":{"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}',
      '{"pattern":"x","metadata":{"__proto__":"polluted"}}',
      '{"pattern":"x","constructor":{"prototype":{"polluted":true}}}',
      '{"id":"__proto__","response":{"polluted":true},"__proto__":{"polluted":true}}',
    ])('touches no prototype: %s', (text) => {
      const packet = outcome(text) as Packet & { polluted?: unknown };
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      expect(packet.polluted).toBeUndefined();
      if (!(packet instanceof Error)) expect(Object.getPrototypeOf(packet)).toBe(Object.prototype);
    });

    it('finds no pattern that only a prototype has', () => {
      expect(outcome('{"__proto__":{"pattern":"x"},"data":1}')).toMatchObject({
        reason: 'prototype key',
      });
    });

    it.each([
      '{"__proto__":1,"pattern":"x"}',
      '{"pattern":{"a":{"__proto__":1}}}',
      '{"pattern":"x","data":[[{"a":[null,{"__proto__":null}]}]]}',
      '{"pattern":"x","metadata":{"__proto__":"a"}}',
      '{"pattern":"x","data":{"\\u005f_proto__":1}}',
      '{"pattern":"x","data":{"\\u005F\\u005F\\u0070\\u0072\\u006f\\u0074\\u006F\\u005f\\u005f":1}}',
      '{"pattern":"x","data":{"__pro\\u0074o__":1}}',
      '{"id":"k","response":{"__proto__":{}}}',
    ])('refuses a prototype key: %s', (text) => {
      expect(outcome(text)).toMatchObject({ reason: 'prototype key' });
    });

    it.each([
      ['a text', '__proto__'],
      ['a text that looks like a key', '{"__proto__":1}'],
      ['a part of a key', { a__proto__: 1, __proto: 2 }],
      ['a list', ['__proto__', { a: '__proto__' }]],
      ['other escapes', 'f\u00fcnf \u0001'],
      ['other keys of prototypes', { constructor: 1, toString: 2, prototype: 3 }],
    ])('takes __proto__ as %s', (_what, data) => {
      expect(outcome(JSON.stringify({ pattern: '__proto__', data }))).toMatchObject({
        pattern: '__proto__',
        data,
      });
    });

    it.each([
      ['lists', 256, true, `{"pattern":"x","data":${'['.repeat(255)}${']'.repeat(255)}}`],
      ['lists', 257, false, `{"pattern":"x","data":${'['.repeat(256)}${']'.repeat(256)}}`],
      ['objects', 256, true, `{"pattern":"x","data":${'{"a":'.repeat(255)}1${'}'.repeat(255)}}`],
      ['objects', 257, false, `{"pattern":"x","data":${'{"a":'.repeat(256)}1${'}'.repeat(256)}}`],
      ['lists beside each other', 3, true, `{"pattern":"x","data":[${'[],'.repeat(1000)}[]]}`],
      ['brackets in a text', 1, true, `{"pattern":"x","data":"${'[{'.repeat(1000)}"}`],
      ['brackets behind a quote', 1, true, `{"pattern":"x","data":"\\"${'['.repeat(1000)}\\\\"}`],
      [
        'brackets behind a text',
        501,
        false,
        `{"pattern":"x\\\\","data":${'['.repeat(500)}${']'.repeat(500)}}`,
      ],
    ])('of %s takes a depth of %d: %p', (_what, _depth, isTaken, text) => {
      expect(outcome(text)).toMatchObject(isTaken ? { kind: 'event' } : { reason: 'nested too deep' });
    });

    it('keeps to a depth of its own', () => {
      const shallow = new JsonCodec({ maxDepth: 8 });
      const of = (levels: number): Buffer =>
        Buffer.from(`{"pattern":"x","data":${'['.repeat(levels)}${']'.repeat(levels)}}`);
      expect(shallow.decode(of(7))).toMatchObject({ kind: 'event' });
      expect(() => shallow.decode(of(8))).toThrow('nested too deep');
    });

    it.each([
      [{ maxDepth: 7 }, 'maxDepth must be a whole number from 8 to 4096, got 7'],
      [{ maxDepth: Infinity }, 'maxDepth must be a whole number from 8 to 4096, got Infinity'],
      [{ depth: 10 }, 'depth is not an option; known here: maxDepth'],
    ])('refuses %j', (options, message) => {
      expect(() => new JsonCodec(options as JsonCodecOptions)).toThrow(message);
    });

    it.each([
      ['an array, open', () => '['.repeat(65_507)],
      ['an array, closed', () => `{"pattern":"x","data":${'['.repeat(32_000)}${']'.repeat(32_000)}}`],
      ['an object', () => `{"pattern":"x","data":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`],
      ['a pattern', () => `{"pattern":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`],
    ])('nesting of %s gives a packet or a refusal', (_what, make) => {
      const result = outcome(make());
      if (result instanceof Error) expect(result).toBeInstanceOf(MalformedDatagramError);
      else expect(result.kind).toBe('event');
    });

    it('a datagram of 65507 bytes is read whole', () => {
      const head = '{"pattern":"x","data":"';
      const text = `${head}${'a'.repeat(65_507 - head.length - 2)}"}`;
      expect(Buffer.byteLength(text)).toBe(65_507);
      expect(decode(text)).toMatchObject({ kind: 'event', data: 'a'.repeat(65_507 - head.length - 2) });
    });
  });

  describe('encode', () => {
    it('cannot say raw and control packets', () => {
      expect(() => codec.encode({ kind: 'raw', data: Buffer.from('x') })).toThrow(/raw/);
      expect(() => codec.encode({ kind: 'control', type: 'busy' })).toThrow(/control/);
    });

    it('throws what JSON cannot say', () => {
      expect(() => codec.encode({ kind: 'event', pattern: 'x', data: 1n })).toThrow(TypeError);
      const circle: unknown[] = [];
      circle.push(circle);
      expect(() => codec.encode({ kind: 'event', pattern: 'x', data: circle })).toThrow(TypeError);
    });

    it('escapes an id that needs it', () => {
      const packet: Packet = { kind: 'reply', id: 'say "yes"', response: 1, isDisposed: true };
      expect(codec.decode(codec.encode(packet))).toMatchObject({ id: 'say "yes"', response: 1 });
    });

    it.each<[string, Packet]>([
      ['a request without data', { kind: 'request', id: 'k', pattern: 'p', data: undefined }],
      ['an event of a symbol', { kind: 'event', pattern: 'p', data: Symbol('s') }],
      ['a pattern that is a number', { kind: 'request', id: 'k', pattern: 7, data: 1 }],
      ['a pattern that is an object', { kind: 'event', pattern: { cmd: 'sum' }, data: 1 }],
      ['no pattern, of a serializer', { kind: 'request', id: 'k', pattern: undefined, data: 1 }],
      ['an id that is a number', { kind: 'request', id: 7, pattern: 'p', data: 1 }],
      ['no id, of a serializer', { kind: 'request', id: undefined as never, pattern: 'p', data: 1 }],
      ['metadata', { kind: 'event', pattern: 'p', data: 1, metadata: { a: 'b' } }],
      ['a pattern that needs escapes', { kind: 'event', pattern: '"\n\ud800', data: '\u2028' }],
      ['a reply without an id', { kind: 'reply', id: undefined as never, response: 1, isDisposed: true }],
    ])('writes %s as JSON would', (_what, packet) => {
      const { kind: _kind, ...message } = packet;
      expect(JSON.parse(Buffer.from(codec.encode(packet)).toString())).toEqual(
        JSON.parse(JSON.stringify(message)),
      );
    });

    it('leaves out what is not there', () => {
      const packet: Packet = { kind: 'reply', id: 1, response: 2, err: undefined, isDisposed: false };
      expect(Buffer.from(codec.encode(packet)).toString()).toBe('{"id":1,"response":2}');
    });
  });

  function outcome(text: string): Packet | Error {
    try {
      return decode(text);
    } catch (error) {
      return error as Error;
    }
  }
});

/** What decoding writes into a packet beside the fields that a test names. */
function absentFields({ kind }: Packet): object {
  if (kind !== 'reply') return { metadata: undefined, stamp: undefined };
  return {
    response: undefined,
    err: undefined,
    status: undefined,
    code: undefined,
    isDisposed: false,
    stamp: undefined,
  };
}
