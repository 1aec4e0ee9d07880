import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, range, toArray } from 'rxjs';
import {
  RawCodec,
  ThrottledUdpClient,
  ThrottledUdpTransport,
  type ThrottledUdpClientOptions,
  type ThrottledUdpTransportOptions,
} from '../../src/index.js';
import { decodeFrame, encodeFrame, isFrame } from '../../src/codec/frame-codec.js';
import type { Frame } from '../../src/codec/frame.js';
import { JsonCodec } from '../../src/codec/json.codec.js';
import { AddressValidation } from '../../src/endpoint/address-validation.js';
import type { RequestStamp } from '../../src/codec/packet.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import { DATAGRAM_ROUTE } from '../../src/transport/on-datagram.decorator.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { VirtualNetwork } from '../../src/testing/virtual-network.js';
import { Probes, type Probe } from './fixture.js';
import { withoutLog } from '../support/without-log.js';

const SERVER = { host: '10.0.0.1', port: 4000 };
const SECRET = 'a secret of 24 bytes ...';

describe('address validation', () => {
  withoutLog();

  let clock: ManualClock;
  let network: VirtualNetwork;
  let open: (() => Promise<unknown>)[] = [];
  let runs: unknown[] = [];
  afterEach(async () => {
    const closing = Promise.all(open.splice(0).map((close) => close()));
    await clock.advance(10_000);
    await closing;
    runs = [];
  });

  describe('for an honest client', () => {
    it('costs one challenge and one proof, and delays nothing that is small', async () => {
      const { server, ask, wire } = await setUp();
      const answer = ask('echo', 'hello');
      await clock.advance(3);
      expect(await answer).toBe('hello');
      expect(wire).toMatchObject([
        '10.0.0.2 request',
        '10.0.0.1 challenge',
        expect.stringMatching(/10.0.0.1 \{/),
        '10.0.0.2 proof',
      ]);
      expect(server.stats().validation).toEqual({
        challenges: 1,
        proofs: 1,
        proofsRefused: 0,
        provenPeers: 1,
      });
      const again = ask('echo', 'again');
      await clock.advance(3);
      expect(await again).toBe('again');
      expect(wire).toHaveLength(6);
    });

    it('sends a reply that is too large for a stranger behind the proof', async () => {
      const { ask } = await setUp();
      const answer = ask('pad', 1100);
      await clock.advance(4);
      expect(await answer).toHaveLength(1100);
    });

    it.each([1201, 100_000])('sends a reply of %i bytes in segments behind the proof', async (bytes) => {
      const { ask, server } = await setUp();
      const answer = ask('pad', bytes);
      await clock.advance(100);
      expect(await answer).toHaveLength(bytes);
      expect(server.stats().packets.exchange).toMatchObject({ streams: 0, running: 0 });
    });

    it('asks with one segment first, and runs a large request once', async () => {
      const { ask, wire, server } = await setUp();
      const answer = ask('count', 'x'.repeat(50_000));
      await clock.advance(2);
      expect(wire).toEqual([
        '10.0.0.2 segment 0',
        '10.0.0.1 challenge!',
        '10.0.0.2 proof',
        '10.0.0.2 segment 0',
      ]);
      await clock.advance(100);
      expect(await answer).toBe(50_000);
      expect(runs).toHaveLength(1);
      expect(server.stats().packets.exchange).toMatchObject({ reassemblyBytes: 0 });
    });

    it('streams, in order', async () => {
      const { ask } = await setUp();
      const answer = ask('range', 2000, true);
      await clock.advance(1000);
      expect(await answer).toEqual(Array.from({ length: 2000 }, (_, index) => index));
    });

    it('shows the token before it is asked again, after a minute of silence', async () => {
      const { ask, wire, restart } = await setUp({ addressValidation: { secret: SECRET } });
      const first = ask('echo', 1);
      await clock.advance(5);
      await first;
      // It knows the secret, and nobody yet.
      const server = await restart();
      await clock.advance(60_000);
      wire.length = 0;
      const second = ask('pad', 1100);
      await clock.advance(5);
      expect(await second).toHaveLength(1100);
      expect(wire.slice(0, 2)).toEqual(['10.0.0.2 proof', '10.0.0.2 request']);
      expect(server.stats().validation).toMatchObject({ challenges: 0, proofs: 1 });
    });

    it('is taken by a server whose secret has changed', async () => {
      const { ask, server } = await setUp({ addressValidation: { secret: SECRET } });
      server.setValidationSecret(['another secret of 30 bytes ...', SECRET]);
      const first = ask('pad', 1100);
      await clock.advance(5);
      expect(await first).toHaveLength(1100);
      server.setValidationSecret('another secret of 30 bytes ...');
      expect(() => server.setValidationSecret('short')).toThrow(/secret must be 16 bytes or more/);
    });

    it('is proven by a reply to a question of ours: nobody else could know the id', async () => {
      const { server } = await setUp();
      const other = new ThrottledUdpTransport(
        { host: '10.0.0.3', port: 4000, addressValidation: false },
        network.environment('10.0.0.3'),
      );
      open.push(() => other.close());
      other.addHandler('echo', (data: unknown) => Promise.resolve(data));
      other.listen(() => undefined);
      const answer = firstValueFrom(
        server.createClient({ host: '10.0.0.3', port: 4000 }).send<unknown>('echo', 1),
      );
      await clock.advance(10);
      expect(await answer).toBe(1);
      expect(server.stats().validation).toMatchObject({ provenPeers: 1, proofs: 0 });
    });

    it('shows the token once, however many of its requests are asked for it', async () => {
      const { ask, wire } = await setUp();
      // More than may run for strangers: the rest is asked to come again behind the proof.
      for (let i = 0; i < 40; i++) void ask('never', i).catch(() => undefined);
      await clock.advance(10);
      expect(wire.filter((word) => word.includes(' challenge'))).toHaveLength(9);
      expect(wire.filter((word) => word.endsWith(' proof'))).toHaveLength(1);
      expect(runs).toHaveLength(40);
    });

    it('is not made to send without end by a server that never takes what it asks for', async () => {
      const { network: net } = await setUp();
      const liar = await strangerOn(net, '10.6.6.9', 4000);
      const client = new ThrottledUdpClient(
        { host: '10.6.6.9', port: 4000, timeout: 5000 },
        net.environment('10.0.0.9'),
      );
      open.push(() => client.close());
      await client.connect();
      let asked = 0;
      liar.answers = (text) => {
        const { id } = JSON.parse(text) as { id: string };
        asked++;
        return encodeFrame({ kind: 'challenge', id, epoch: 7, token: new Uint8Array(16), isRefusal: true });
      };
      const end = firstValueFrom(client.send<unknown>('echo', 1)).catch(
        (error: { code: string }) => error.code,
      );
      await clock.advance(5000);
      expect(await end).toBe('UDP_REQUEST_TIMEOUT');
      // Three times at once, then as if nobody had said a word.
      expect(asked).toBeGreaterThanOrEqual(4);
      expect(asked).toBeLessThanOrEqual(7);
    });

    it('is told so in plain words when it cannot prove anything, and answered as far as it goes', async () => {
      const { stranger, server } = await setUp();
      await stranger.say('{"pattern":"echo","data":1,"id":"k3"}');
      await stranger.say('{"pattern":"pad","data":500,"id":"k4"}');
      expect(stranger.heard).toEqual([
        '{"id":"k3","response":1,"isDisposed":true}',
        expect.stringContaining('"code":"unproven"'),
      ]);
      expect(server.stats().upload.drops).toMatchObject({ amplification: { datagrams: 1 } });
    });
  });

  describe('of an address that never proves itself', () => {
    const KINDS: Readonly<Record<string, (stranger: Stranger) => Promise<void>>> = {
      'small replies': (stranger) => stranger.ask('echo', 'x'),
      'large replies': (stranger) => stranger.ask('pad', 1100),
      'replies in segments': (stranger) => stranger.ask('pad', 500_000),
      streams: (stranger) => stranger.ask('range', 2000),
      'stored replies, asked for again': async (stranger) => {
        for (let copy = 1; copy < 50; copy++)
          await stranger.ask('pad', 300, { attempt: copy, ageMs: copy - 1 });
      },
      'words that it runs, asked for again': async (stranger) => {
        for (let copy = 1; copy < 50; copy++)
          await stranger.ask('never', 1, { attempt: copy, ageMs: copy - 1 });
        for (let i = 0; i < 50; i++) await stranger.frame({ kind: 'probe', ...stranger.name });
      },
      errors: (stranger) => stranger.ask('nothing of this name', 1),
      'first segments': async (stranger) => {
        for (let i = 0; i < 50; i++) await stranger.segment(i);
      },
      'words about what is not known': async (stranger) => {
        for (let i = 0; i < 50; i++) {
          await stranger.frame({ kind: 'probe', ...stranger.name });
          await stranger.frame({ kind: 'cancel', ...stranger.name });
          await stranger.frame({
            kind: 'ack',
            ...stranger.name,
            next: 0,
            window: 1000,
            bitmap: new Uint8Array(0),
            wantsAnswer: true,
          });
        }
      },
      'acknowledgements that ask for more': async (stranger) => {
        await stranger.ask('range', 2000);
        for (let next = 0; next < 50; next++) {
          await stranger.frame({
            kind: 'ack',
            ...stranger.name,
            next,
            window: 60_000,
            bitmap: new Uint8Array(0),
            wantsAnswer: true,
          });
        }
      },
      'wrong tokens': async (stranger) => {
        for (let i = 0; i < 50; i++) {
          await stranger.frame({ kind: 'proof', ...stranger.name, token: new Uint8Array(16) });
          await stranger.ask('pad', 1100);
        }
      },
      'plain JSON': async (stranger) => {
        for (let i = 0; i < 50; i++) await stranger.say(`{"pattern":"pad","data":1100,"id":${i}}`);
      },
    };

    it.each(Object.entries(KINDS))('at most three times its bytes go there: %s', async (_kind, attack) => {
      const { stranger } = await setUp();
      await attack(stranger);
      await clock.advance(60_000);
      expect(stranger.heard.length).toBeGreaterThan(0);
      expect(stranger.bytesHeard).toBeLessThanOrEqual(3 * stranger.bytesSaid);
    });

    it('a stream goes to nobody else, though its client says that it has moved', async () => {
      const { stranger, network: net } = await setUp();
      const victim = await strangerOn(net, '10.9.9.9');
      await stranger.prove();
      await stranger.ask('range', 2000);
      const { heard } = victim;
      // As if the victim had said so.
      await victim.frame({ kind: 'probe', ...stranger.name });
      await clock.advance(10_000);
      expect(stranger.bytesHeard).toBeGreaterThan(3 * stranger.bytesSaid);
      expect(heard.length).toBeGreaterThan(0);
      expect(victim.bytesHeard).toBeLessThanOrEqual(3 * victim.bytesSaid);
    });

    it('32 questions run at once, and the next ones are to come again behind a proof', async () => {
      const { stranger, server, ask } = await setUp();
      for (let i = 0; i < 40; i++) await stranger.ask('never', i, {}, i);
      expect(runs).toHaveLength(32);
      expect(stranger.frames.filter((frame) => frame.kind === 'challenge' && frame.isRefusal)).toHaveLength(
        8,
      );
      expect(server.stats().packets.exchange).toMatchObject({ running: 32, refusedUnproven: 8 });
      const answer = ask('echo', 'honest');
      await clock.advance(5);
      expect(await answer).toBe('honest');
      expect(runs).toHaveLength(33);
    });

    it('nothing that others asked is forgotten for its sake', async () => {
      const { stranger, server, ask } = await setUp({ duplicates: { maxEntries: 1600 } });
      const first = ask('echo', 'x');
      await clock.advance(5);
      await first;
      for (let i = 0; i < 3000; i++) void stranger.ask('echo', 1, {}, i);
      await clock.advance(10);
      expect(server.stats().packets.exchange?.stored).toBeLessThanOrEqual(101);
      // Its first copy is lost: had ids been forgotten, the second could not be told from one that has run.
      network.change({ loss: 1 });
      const lost = ask('echo', 'y');
      await clock.advance(1);
      network.change({ loss: 0 });
      await clock.advance(5000);
      expect(await lost).toBe('y');
    });

    it('what is kept back is let go of with its request', async () => {
      const { stranger, server } = await setUp();
      await stranger.ask('pad', 1100);
      expect(server.stats().packets.exchange).toMatchObject({ unproven: 1, stored: 1 });
      await clock.advance(62_000);
      expect(server.stats().packets.exchange).toMatchObject({ unproven: 0, stored: 0 });
    });

    it('no peer is remembered, and none of it rides in control', async () => {
      const { server, network: net } = await setUp({
        upload: '10 kB/s',
        perPeer: { upload: '1 kB/s', download: '1 MB/s' },
      });
      for (let i = 0; i < 300; i++) {
        const one = await strangerOn(net, `10.3.${i >> 8}.${i & 255}`);
        await one.ask('echo', 1);
      }
      const { upload, download } = server.stats();
      expect([upload.peers, download.peers]).toEqual([0, 0]);
      expect([upload.classes.control.datagrams, upload.classes.control.queuedDatagrams]).toEqual([0, 0]);
      expect(upload.datagrams).toBeGreaterThan(0);
    });

    it('half of the places of handlers are left for others', async () => {
      const { stranger, server, ask } = await setUp({ maxConcurrentHandlers: 10 });
      for (let i = 0; i < 20; i++) await stranger.say(`{"pattern":"never","data":${i},"id":${i}}`);
      expect(server.stats().handlers).toMatchObject({ running: 5, waiting: 15 });
      const answer = ask('echo', 'honest');
      await clock.advance(10);
      expect(await answer).toBe('honest');
      expect(server.stats().packets.exchange).toMatchObject({ refusedUnproven: 1 });
    });

    it('a proof of another address, port, or time is refused', async () => {
      const { stranger, server, network: net } = await setUp({ addressValidation: { lifetime: 20_000 } });
      const [otherPort, otherHost] = [
        await strangerOn(net, '10.6.6.6', 7),
        await strangerOn(net, '10.6.6.7'),
      ];
      await stranger.ask('echo', 1);
      const token = stranger.token as Uint8Array;
      await otherPort.frame({ kind: 'proof', ...stranger.name, token });
      await otherHost.frame({ kind: 'proof', ...stranger.name, token });
      expect(server.stats().validation).toMatchObject({ proofs: 0, proofsRefused: 2 });
      await clock.advance(20_000);
      await stranger.frame({ kind: 'proof', ...stranger.name, token });
      expect(server.stats().validation).toMatchObject({ proofs: 0, proofsRefused: 3 });
      await stranger.ask('echo', 2, {}, 1);
      await stranger.frame({ kind: 'proof', ...stranger.name, token: stranger.token as Uint8Array });
      expect(server.stats().validation).toMatchObject({ proofs: 1, proofsRefused: 3 });
    });
  });

  describe('of other protocols', () => {
    it.each([
      [undefined, 30],
      [10, 100],
      [1.5, 15],
    ])('with amplificationFactor %p ten bytes are answered with at most %i', async (factor, most) => {
      const options = factor === undefined ? {} : { amplificationFactor: factor };
      const { server, stranger } = await setUp({ codec: new RawCodec(), ...options });
      let reply = Buffer.alloc(most);
      server.addHandler(DATAGRAM_ROUTE, () => Promise.resolve(reply));
      await stranger.say('0123456789');
      expect(stranger.bytesHeard).toBe(most);
      reply = Buffer.alloc(most + 1);
      await stranger.say('0123456789');
      expect(stranger.bytesHeard).toBe(most);
      expect(server.stats().upload.drops).toEqual({ amplification: { datagrams: 1, bytes: most + 1 } });
      expect(server.stats().validation).toBeUndefined();
    });

    it('the author of a protocol is told once that an answer was too large', async () => {
      const said: string[] = [];
      class Talking extends ThrottledUdpTransport {
        protected override readonly logger = {
          log: () => undefined,
          warn: (line: string) => void said.push(line),
        } as never;
      }
      clock = new ManualClock();
      network = new VirtualNetwork({ clock });
      const server = new Talking({ ...SERVER, codec: new RawCodec() }, network.environment(SERVER.host));
      open.push(() => server.close());
      server.addHandler(DATAGRAM_ROUTE, () => Promise.resolve(Buffer.alloc(100)));
      server.listen(() => undefined);
      const stranger = await strangerOn(network, '10.6.6.6');
      for (let i = 0; i < 5; i++) await stranger.say('0123456789');
      expect(said).toEqual([expect.stringContaining('amplificationFactor is 3')]);
    });

    it('what send() says is not counted', async () => {
      const { server, stranger } = await setUp({ codec: new RawCodec() });
      const sent = server.send(Buffer.alloc(5000), { host: '10.6.6.6', port: 6 });
      await clock.advance(1);
      await sent;
      expect(stranger.bytesHeard).toBe(5000);
    });
  });

  /** Whoever says what it wants, and proves nothing. */
  class Stranger {
    readonly heard: string[] = [];
    readonly frames: Frame[] = [];
    bytesSaid = 0;
    bytesHeard = 0;
    token: Uint8Array | undefined;
    /** What is said to each request that comes here. */
    answers: ((text: string) => Uint8Array) | undefined;
    readonly name = { id: 'ab'.repeat(8), client: 'cd'.repeat(8), epoch: 0 };

    constructor(private readonly probe: Probe) {
      probe.endpoint.onDatagram = ({ data, peer }) => {
        this.bytesHeard += data.length;
        this.heard.push(data.toString());
        if (!isFrame(data)) {
          if (this.answers !== undefined) probe.endpoint.post(this.answers(data.toString()), peer);
          return;
        }
        const frame = decodeFrame(data);
        this.frames.push(frame);
        if (frame.kind === 'challenge') this.token = Uint8Array.from(frame.token);
      };
    }

    async say(data: string | Uint8Array): Promise<void> {
      const bytes = Buffer.from(data);
      this.bytesSaid += bytes.length;
      this.probe.endpoint.post(bytes, PeerAddress.of(SERVER.host, SERVER.port));
      await clock.advance(2);
    }

    async ask(pattern: string, data: unknown, stamp: Partial<RequestStamp> = {}, index = 0): Promise<void> {
      const { client, id } = this.name;
      const packet = {
        kind: 'request',
        id: (BigInt(`0x${id}`) + BigInt(index)).toString(16),
        pattern,
        data,
        stamp: { client, attempt: 1, ageMs: 0, patienceMs: 60_000, epoch: 0, ...stamp },
      } as const;
      await this.say(new JsonCodec().encode(packet));
    }

    async segment(index: number): Promise<void> {
      const id = (BigInt(`0x${this.name.id}`) + BigInt(index)).toString(16);
      await this.frame({
        kind: 'segment',
        ...this.name,
        id,
        ageMs: 0,
        seq: 0,
        messageBytes: 100_000,
        isLast: false,
        isEnd: false,
        wantsAck: true,
        payload: new Uint8Array(10),
      });
    }

    async frame(frame: Frame): Promise<void> {
      await this.say(encodeFrame(frame));
    }

    async prove(): Promise<void> {
      await this.ask('echo', 1, {}, 100);
      await this.frame({ kind: 'proof', ...this.name, token: this.token as Uint8Array });
    }
  }

  async function strangerOn(net: VirtualNetwork, host: string, port = 6): Promise<Stranger> {
    const probes = new Probes((address) => net.environment(address));
    open.push(() => probes.close());
    return new Stranger(await probes.bound({ host, port }));
  }

  async function setUp(options: ThrottledUdpTransportOptions = {}, ofClient: ThrottledUdpClientOptions = {}) {
    clock = new ManualClock();
    network = new VirtualNetwork({ clock, delayMs: 1, seed: 1 });
    const wire: string[] = [];
    const startServer = (): ThrottledUdpTransport => {
      const made = new ThrottledUdpTransport(
        { ...SERVER, drainTimeout: 0, ...options },
        watched(network, SERVER.host, wire),
      );
      open.push(() => made.close());
      addHandlers(made);
      made.listen(() => undefined);
      return made;
    };
    const server = startServer();
    const client = new ThrottledUdpClient({ ...SERVER, ...ofClient }, watched(network, '10.0.0.2', wire));
    open.push(() => client.close());
    await client.connect();
    const ask = (pattern: string, data: unknown, isStream = false): Promise<unknown> => {
      const answer = client.send<unknown>(pattern, data);
      return isStream ? firstValueFrom(answer.pipe(toArray())) : firstValueFrom(answer);
    };
    const restart = async (): Promise<ThrottledUdpTransport> => {
      await server.close();
      const next = startServer();
      await clock.advance(0);
      return next;
    };
    const stranger = await strangerOn(network, '10.6.6.6');
    return { server, ask, stranger, network, restart, wire };
  }

  function addHandlers(server: ThrottledUdpTransport): void {
    if (server.stats().validation === undefined) return;
    server.addHandler('echo', (data: unknown) => Promise.resolve((runs.push(data), data)));
    server.addHandler('pad', (bytes: number) => Promise.resolve('x'.repeat(bytes)));
    server.addHandler('count', (data: string) => Promise.resolve((runs.push(data.length), data.length)));
    server.addHandler('range', (count: number) => Promise.resolve(range(0, count)));
    server.addHandler('never', (data: unknown) => (runs.push(data), new Promise(() => undefined)));
  }
});

/** A machine that writes down what it sends. */
function watched(network: VirtualNetwork, address: string, wire: string[]) {
  const environment = network.environment(address);
  const createSocket: typeof environment.createSocket = (...args) => {
    const socket = environment.createSocket(...args);
    const send = socket.send.bind(socket);
    socket.send = (batch) => {
      for (const { data } of batch) wire.push(`${address} ${nameOf(data)}`);
      send(batch);
    };
    return socket;
  };
  return { ...environment, createSocket };
}

function nameOf(data: Uint8Array): string {
  if (!isFrame(data)) {
    const text = Buffer.from(data).toString();
    return text.includes('"pattern"') ? 'request' : text;
  }
  const frame = decodeFrame(data);
  if (frame.kind === 'segment') return `segment ${frame.seq}`;
  return frame.kind === 'challenge' && frame.isRefusal ? 'challenge!' : frame.kind;
}

describe('AddressValidation', () => {
  const [one, other] = [PeerAddress.of('192.0.2.1', 1), PeerAddress.of('192.0.2.2', 2)];
  const setUp = () => {
    const clock = new ManualClock();
    const validation = { secrets: [Buffer.from(SECRET)], lifetimeMs: 60_000, maxPeers: 10 };
    return { clock, validation: new AddressValidation({ factor: 3, validation }, clock) };
  };

  it('tells whom it heard last from all others', () => {
    const { validation } = setUp();
    validation.proved(one);
    validation.received(one, 10, 0);
    validation.received(other, 10, 0);
    expect([validation.isProven(one), validation.isProven(other)]).toEqual([true, false]);
    validation.received(one, 10, 0);
    expect([validation.isProven(one), validation.isProven(other)]).toEqual([true, false]);
  });

  it('believes whom it heard last as soon as it proves itself, in either way', () => {
    const { validation } = setUp();
    validation.received(one, 10, 0);
    expect(validation.isProven(one)).toBe(false);
    expect(validation.prove(one, validation.tokenFor(one))).toBe(true);
    expect(validation.isProven(one)).toBe(true);
    validation.received(other, 10, 0);
    expect(validation.isProven(other)).toBe(false);
    validation.proved(other);
    expect(validation.isProven(other)).toBe(true);
  });

  it('believes nobody who was silent for longer than its lifetime', () => {
    const { clock, validation } = setUp();
    validation.proved(one);
    validation.received(one, 10, clock.now());
    clock.jump(60_001);
    validation.received(one, 10, clock.now());
    expect(validation.isProven(one)).toBe(false);
  });
});
