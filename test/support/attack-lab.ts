import {
  ThrottledUdpClient,
  ThrottledUdpTransport,
  type ThrottledUdpTransportOptions,
} from '../../src/index.js';
import { decodeFrame, encodeFrame, isFrame } from '../../src/codec/frame-codec.js';
import type { Frame } from '../../src/codec/frame.js';
import { JsonCodec } from '../../src/codec/json.codec.js';
import type { RequestStamp } from '../../src/codec/packet.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { DatagramSocket } from '../../src/endpoint/datagram-socket.js';
import { resolveSocketOptions } from '../../src/endpoint/socket.options.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';

/** A service on a network in memory, an honest client of it, and whoever else. */
export class AttackLab {
  readonly clock = new ManualClock();
  readonly network: VirtualNetwork;
  readonly server: ThrottledUdpTransport;
  readonly client: ThrottledUdpClient;
  /** What the handlers `echo` and `never` were given, in order. */
  readonly runs: unknown[] = [];

  private constructor(options: ThrottledUdpTransportOptions) {
    this.network = new VirtualNetwork({ clock: this.clock, delayMs: 1, seed: 1 });
    this.server = new ThrottledUdpTransport(
      { ...SERVER, drainTimeout: 0, ...options },
      this.network.environment(SERVER.host),
    );
    this.client = new ThrottledUdpClient(SERVER, this.network.environment('10.0.0.2'));
  }

  /** @param options of the service; addresses are validated unless they say otherwise */
  static async open(options: ThrottledUdpTransportOptions = {}): Promise<AttackLab> {
    const lab = new AttackLab(options);
    const { server, runs } = lab;
    server.addHandler('echo', (data: unknown) => Promise.resolve((runs.push(data), data)));
    server.addHandler('never', (data: unknown) => (runs.push(data), new Promise(() => undefined)));
    server.addHandler('pad', (bytes: number) => Promise.resolve('x'.repeat(bytes)));
    server.addHandler('length', (data: string) => Promise.resolve(data.length));
    server.listen(() => undefined);
    await lab.client.connect();
    return lab;
  }

  async close(): Promise<void> {
    const closing = Promise.all([this.client.close(), this.server.close()]);
    await this.clock.advance(10_000);
    await closing;
  }

  /** A machine that says what it wants. */
  async stranger(host = '10.6.6.6', port = 6): Promise<Stranger> {
    const stranger = new Stranger(this.network, host);
    await stranger.bind(port);
    return stranger;
  }
}

/** Says what it wants to the service, and proves its address only when told to. */
export class Stranger {
  readonly frames: Frame[] = [];
  readonly replies: Readonly<Record<string, unknown>>[] = [];
  bytesSaid = 0;
  bytesHeard = 0;
  token: Uint8Array | undefined;
  client = 'cd'.repeat(8);
  epoch = 0;
  readonly #socket: DatagramSocket;

  constructor(
    network: VirtualNetwork,
    private readonly host: string,
  ) {
    const options = resolveSocketOptions(undefined, host, undefined, undefined);
    this.#socket = network.environment(host).createSocket(options, {
      onDatagrams: (batch) => batch.forEach(({ data }) => this.#hear(data)),
      onError: () => undefined,
    });
  }

  async bind(port: number): Promise<void> {
    await this.#socket.bind(this.host, port);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  say(data: string | Uint8Array, to: PeerAddress = TO_SERVER): void {
    const bytes = Buffer.from(data);
    this.bytesSaid += bytes.length;
    this.#socket.send([{ data: bytes, peer: to, done: () => undefined }]);
  }

  /** A request with a stamp, of its own client instance. */
  ask(pattern: unknown, data: unknown, index = 0, stamp: Partial<RequestStamp> = {}): void {
    const usual = { client: this.client, attempt: 1, ageMs: 0, patienceMs: 60_000, epoch: 0 };
    const packet = {
      kind: 'request',
      id: idOf(index),
      pattern,
      data,
      stamp: { ...usual, ...stamp },
    } as const;
    this.say(new JsonCodec().encode(packet));
  }

  frame(frame: Frame): void {
    this.say(encodeFrame(frame));
  }

  /** The first segment of a large request. */
  segment(index: number, messageBytes: number, payloadBytes: number): void {
    this.frame({
      kind: 'segment',
      id: idOf(index),
      client: this.client,
      epoch: 0,
      ageMs: 0,
      seq: 0,
      messageBytes,
      isLast: false,
      isEnd: false,
      wantsAck: false,
      payload: new Uint8Array(payloadBytes),
    });
  }

  /** Shows a token: its own, unless given another. */
  prove(token = this.token): void {
    if (token === undefined) throw new Error('no token has come');
    this.frame({ kind: 'proof', id: idOf(0), client: this.client, epoch: 0, token });
  }

  #hear(data: Buffer): void {
    this.bytesHeard += data.length;
    if (!isFrame(data)) {
      this.replies.push(JSON.parse(String(data)) as Record<string, unknown>);
      return;
    }
    const frame = decodeFrame(data);
    this.frames.push(frame);
    this.epoch = frame.epoch;
    if (frame.kind === 'challenge') this.token = Uint8Array.from(frame.token);
  }
}

/** The id of the n-th request. */
export function idOf(index: number): string {
  return index.toString(16).padStart(16, '0');
}

export const SERVER = { host: '10.0.0.1', port: 4000 };

const TO_SERVER = PeerAddress.of(SERVER.host, SERVER.port);
