import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { RequestPacket } from '../../src/codec/packet.js';
import type { InboundDatagram } from '../../src/endpoint/downlink.js';
import { EndpointClosedError } from '../../src/endpoint/endpoint.errors.js';
import type { PacketChannel } from '../../src/endpoint/packet-channel.js';
import { USUAL_PASSAGE } from '../../src/endpoint/passage.js';
import { systemScheduler } from '../../src/endpoint/scheduler.js';
import { RequestReplies } from '../../src/transport/reply-form.js';
import { ReplyPump, type PumpOwner } from '../../src/transport/reply-pump.js';

describe('ReplyPump', () => {
  it('gives up its source when the socket is gone', async () => {
    const told: string[] = [];
    const owner: PumpOwner = {
      channel: {
        reply: (_packet, _to, _peer, fate) => fate?.dropped(new EndpointClosedError()),
      } as Pick<PacketChannel, 'reply'> as PacketChannel,
      scheduler: systemScheduler,
      serializer: undefined,
      onPumpEnd: () => void told.push('end'),
      onHandlerFailure: () => void told.push('failure'),
      onUnproven: () => undefined,
      onUnsayable: () => void told.push('unsayable'),
      onLostReply: () => void told.push('lost'),
    };
    const packet: RequestPacket = { kind: 'request', id: 'k1', pattern: 'p', data: 0 };
    const datagram = { peer: PeerAddress.of('127.0.0.1', 9) } as InboundDatagram;
    const pump = new ReplyPump(owner, new RequestReplies('k1'), packet, datagram, USUAL_PASSAGE);
    const { signal } = pump;
    let pulled = 0;
    const returned = new Promise<void>((resolve) => {
      async function* endless(): AsyncGenerator<number> {
        try {
          while (pulled < 1000) yield pulled++;
        } finally {
          resolve();
        }
      }
      pump.take(endless());
    });
    await returned;
    expect(pulled).toBeLessThan(5);
    expect(told).toEqual(['lost', 'end']);
    expect(signal.aborted).toBe(true);
  });
});
