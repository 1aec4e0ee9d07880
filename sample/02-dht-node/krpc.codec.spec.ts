import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from 'nestjs-throttled-udp';
import { runCodecConformance } from 'nestjs-throttled-udp/testing';
import { KrpcCodec } from './krpc.codec.js';
import { ANSWERS, FIND_NODE_QUERY } from './recorded-datagrams.js';

describe('KrpcCodec', () => {
  it('keeps the promises of a codec, for any bytes', () => {
    const id = 'aa01';
    const node = Buffer.alloc(20, 7);
    runCodecConformance(new KrpcCodec(), {
      valid: [
        { name: 'a query', packet: { kind: 'request', id, pattern: 'ping', data: { id: node } } },
        {
          name: 'an error',
          packet: { kind: 'reply', id, err: { code: 203, message: 'no' }, isDisposed: true },
        },
        { name: 'a recorded query', datagram: FIND_NODE_QUERY },
        ...ANSWERS.map((datagram, index) => ({ name: `recorded answer ${index}`, datagram })),
      ],
      malformed: [
        '',
        'de',
        'i1e',
        'l-3:',
        'd1:t2:aae',
        'd1:t0:1:y1:re',
        'd1:t2:aa1:y1:re!',
        'l'.repeat(50_000),
      ].map((text) => Buffer.from(text)),
    });
  });

  it('reads the answers of a real node', () => {
    const packet = new KrpcCodec().decode(ANSWERS[0]!);
    expect(packet).toMatchObject({ kind: 'reply', id: Buffer.from('#K').toString('hex'), isDisposed: true });
    const { response } = packet as { response: { id: Buffer; nodes: Buffer } };
    expect([response.id.length, response.nodes.length]).toEqual([20, 16 * 26]);
  });

  it.each([
    ['no-handler', 204, 'Method Unknown'],
    ['closing', 202, 'why'],
    ['overflow', 202, 'why'],
    ['too-large', 202, 'why'],
  ])('says %s as error %i', (code, number, message) => {
    const codec = new KrpcCodec();
    const peer = PeerAddress.of('10.0.0.1', 6881);
    const packet = { kind: 'reply', id: 'aa01', err: 'why', code, isDisposed: true } as const;
    const datagram = codec.encode(packet, { peer, maxBytes: 1232 });
    expect(codec.decode(datagram!)).toMatchObject({ id: 'aa01', err: { code: number, message } });
  });
});
