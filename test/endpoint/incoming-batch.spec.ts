import { afterEach, describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { DatagramSocketEvents } from '../../src/endpoint/datagram-socket.js';
import { BindError, DriverUnavailableError } from '../../src/endpoint/endpoint.errors.js';
import type { UdpEnvironment } from '../../src/endpoint/udp-environment.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probe, rejection, resolved } from './fixture.js';

/** What a socket that moves many datagrams at a time can bring an endpoint. */
describe('UdpEndpoint and a batch of datagrams', () => {
  let probe: Probe | undefined;
  afterEach(() => probe?.endpoint.close());

  it('drops one that is cut, and counts it', async () => {
    const { events, endpoint, received } = await setUp();
    events().onDatagrams([
      { data: Buffer.from('cut'), peer: PEER, isTruncated: true },
      { data: Buffer.from('whole'), peer: PEER },
    ]);
    expect(received.map(({ data }) => String(data))).toEqual(['whole']);
    expect(endpoint.download.stats()).toMatchObject({
      datagrams: 1,
      drops: { truncated: { datagrams: 1, bytes: 3 } },
    });
  });

  it('counts what stands behind one that makes it close', async () => {
    const { events, endpoint } = await setUp();
    endpoint.onDatagram = () => void endpoint.close();
    events().onDatagrams(['a', 'b', 'c'].map((text) => ({ data: Buffer.from(text), peer: PEER })));
    expect(endpoint.download.stats()).toMatchObject({
      datagrams: 1,
      drops: { closed: { datagrams: 2, bytes: 2 } },
    });
  });

  it('is not bound where no socket is to be had, and says why', async () => {
    const full = Object.assign(new Error('socket EMFILE'), { code: 'EMFILE' });
    const none = await rejection(make(() => Promise.reject(full)).endpoint.bind());
    expect(none).toBeInstanceOf(BindError);
    expect(none).toMatchObject({ errno: 'EMFILE', cause: full });
    const refusal = new DriverUnavailableError('batch', 'koffi is not installed', undefined);
    expect(await rejection(make(() => Promise.reject(refusal)).endpoint.bind())).toBe(refusal);
  });

  function make(createSocket: UdpEnvironment['createSocket']): Probe {
    probe = new Probe(resolved(), { scheduler: new ManualClock(), createSocket });
    return probe;
  }

  async function setUp() {
    const network = new VirtualNetwork({ clock: new ManualClock() }).environment();
    let heard: DatagramSocketEvents | undefined;
    const { endpoint, received } = make((options, events) => {
      heard = events;
      return network.createSocket(options, events);
    });
    await endpoint.bind();
    return { endpoint, received, events: () => heard as DatagramSocketEvents };
  }
});

const PEER = PeerAddress.of('10.0.0.9', 9);
