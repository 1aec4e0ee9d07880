import { afterEach, describe, expect, it } from '@jest/globals';
import type { OutgoingDatagram } from '../../src/endpoint/datagram-socket.js';
import { QueueOverflowError } from '../../src/endpoint/endpoint.errors.js';
import { REFUSAL_PASSAGE } from '../../src/endpoint/passage.js';
import type { UdpEnvironment } from '../../src/endpoint/udp-environment.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes, rejection, type EndpointSetup } from './fixture.js';

describe('what the kernel has not taken yet, with no upload limit', () => {
  let open: Probes | undefined;
  let held: OutgoingDatagram[] = [];
  afterEach(() => {
    letGo();
    return open?.close();
  });

  it.each([
    ['bytes', { maxBytes: 300 }, 3],
    ['datagrams', { maxDatagrams: 2 }, 2],
  ])('is bounded in %s', async (_what, queue, room) => {
    const { probe, send } = await setUp({ queue });
    const sent = Array.from({ length: room }, () => send(100));
    const error = await rejection(send(100));
    expect(error).toBeInstanceOf(QueueOverflowError);
    expect(error).toMatchObject({ queuedBytes: 100 * room, queuedDatagrams: room });
    expect(held).toHaveLength(room);
    letGo();
    await Promise.all(sent);
    const late = send(100);
    letGo();
    await late;
    expect(probe.endpoint.upload.stats()).toMatchObject({
      datagrams: room + 1,
      drops: { overflow: { datagrams: 1, bytes: 100 } },
    });
  });

  it('leaves room for a datagram larger than the bound, and for short errors', async () => {
    const { probe, send } = await setUp({ queue: { maxBytes: 160 } });
    const sent = send(200);
    letGo();
    await sent;
    const fates: string[] = [];
    const fate = {
      left: () => void fates.push('left'),
      dropped: (error: Error) => void fates.push(error.name),
    };
    const usual = send(160);
    probe.endpoint.post(Buffer.alloc(20), probe.peer, fate, REFUSAL_PASSAGE);
    probe.endpoint.post(Buffer.alloc(20), probe.peer, fate, REFUSAL_PASSAGE);
    probe.endpoint.post(Buffer.alloc(20), probe.peer, fate);
    expect(fates).toEqual(['QueueOverflowError', 'QueueOverflowError']);
    letGo();
    await usual;
    expect(fates.at(-1)).toBe('left');
  });

  it('counts no more once it has failed', async () => {
    const { send } = await setUp({ queue: { maxBytes: 100 } });
    for (let count = 0; count < 3; count++) {
      const failed = rejection(send(100));
      letGo(new Error('refused'));
      expect(await failed).toMatchObject({ code: 'UDP_SEND_FAILED' });
    }
  });

  it('keeps its order behind what the kernel had no room for', async () => {
    const { clock, send } = await setUp({});
    const first = send(100);
    letGo(Object.assign(new Error('full'), { code: 'ENOBUFS' }));
    const second = send(50);
    expect(held).toEqual([]);
    await clock.advance(10);
    expect(held.map(({ data }) => data.length)).toEqual([100, 50]);
    letGo();
    await Promise.all([first, second]);
  });

  async function setUp(setup: EndpointSetup) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock }).environment();
    const environment: UdpEnvironment = {
      ...network,
      createSocket: (options, events) => {
        const socket = network.createSocket(options, events);
        socket.send = (batch) => void held.push(...batch);
        return socket;
      },
    };
    open = new Probes(() => environment);
    const probe = await open.bound({ port: 5000, ...setup });
    return { clock, probe, send: (bytes: number) => probe.endpoint.send(Buffer.alloc(bytes), probe.peer) };
  }

  function letGo(error?: Error): void {
    const batch = held;
    held = [];
    for (const datagram of batch) datagram.done(error);
  }
});
