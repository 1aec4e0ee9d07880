import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { DatagramCodec, EncodeContext } from '../codec/datagram-codec.js';
import { MalformedDatagramError } from '../codec/malformed-datagram.error.js';
import type { InboundPacket, Packet } from '../codec/packet.js';
import { PeerAddress } from '../common/peer-address.js';
import { SeededRandom } from './seeded-random.js';

/** Something a codec must understand. */
export interface CodecSample {
  /** What it shows; part of the message when the codec fails on it. */
  readonly name: string;
  /** Survives `decode(encode(packet))`. With a `datagram`, also what that decodes to. */
  readonly packet?: Packet;
  /** What another implementation wrote. */
  readonly datagram?: Uint8Array;
  /** The packet being answered, where the codec needs it to encode a reply. */
  readonly request?: InboundPacket;
  /** @default 192.0.2.1:3000 */
  readonly peer?: PeerAddress;
}

export interface CodecSamples {
  readonly valid: readonly CodecSample[];
  /** Datagrams that must be refused with a `MalformedDatagramError`. */
  readonly malformed?: readonly Uint8Array[];
  /** Makes a run repeatable; it stands in every message. @default picked at random */
  readonly seed?: number;
  /** Random datagrams, and as many mutations of valid ones. @default 2000 */
  readonly runs?: number;
}

/** What {@link runCodecConformance} did. */
export interface CodecConformanceSummary {
  readonly codec: string;
  readonly seed: number;
  /** Datagrams that were decoded to packets. */
  readonly decoded: number;
  /** Datagrams that were refused. */
  readonly refused: number;
  /** Reasons of the refusals. */
  readonly reasons: readonly string[];
}

/**
 * Checks that a codec keeps the promises of {@link DatagramCodec}. Needs no test framework: call it inside a test.
 *
 * - packets survive the way there and back, and equal packets are equal bytes;
 * - any bytes give a packet or a `MalformedDatagramError`, and nothing else;
 * - neither the bytes given nor the packets given are changed, and no reference to the bytes is kept;
 * - what `encode` returned stays as it is while the next packet is encoded;
 * - the reasons of refusals are few and fixed, for each becomes the name of a counter;
 * - `createId`, where there is one, makes ids that come back.
 *
 * @throws {AssertionError} the codec breaks a promise; the message says which, and the seed
 */
export function runCodecConformance(codec: DatagramCodec, samples: CodecSamples): CodecConformanceSummary {
  return new Conformance(codec, samples).run();
}

class Conformance {
  readonly #random: SeededRandom;
  readonly #reasons = new Set<string>();
  #decoded = 0;
  #refused = 0;

  constructor(
    private readonly codec: DatagramCodec,
    private readonly samples: CodecSamples,
  ) {
    this.#random = new SeededRandom(samples.seed);
  }

  run(): CodecConformanceSummary {
    const { valid, malformed = [], runs = 2000 } = this.samples;
    this.#check(valid.length > 0, 'needs at least one valid sample');
    this.#checkShape();
    for (const sample of valid) this.#checkSample(sample);
    this.#checkEncodedStays();
    for (const datagram of malformed) {
      this.#check(this.#decode(datagram, PEER) === undefined, `decodes ${hex(datagram)}, which is malformed`);
    }
    this.#checkHostile(runs);
    this.#checkCreateId();
    return {
      codec: this.codec.name,
      seed: this.#random.seed,
      decoded: this.#decoded,
      refused: this.#refused,
      reasons: [...this.#reasons],
    };
  }

  #checkShape(): void {
    const { name, exchange } = this.codec;
    this.#check(typeof name === 'string' && name !== '', `has no name, got ${inspect(name)}`);
    this.#check(
      typeof exchange === 'boolean',
      `must say true or false as exchange, got ${inspect(exchange)}`,
    );
    this.#check(
      !exchange || typeof this.codec.restamp === 'function',
      'says that it carries the exchange, and has no restamp()',
    );
  }

  #checkSample(sample: CodecSample): void {
    const { name, packet, datagram, peer = PEER } = sample;
    this.#check(packet !== undefined || datagram !== undefined, `sample '${name}' is empty`);
    if (datagram !== undefined) {
      const packets = this.#decode(datagram, peer);
      this.#check(packets !== undefined, `refuses the valid datagram '${name}': ${hex(datagram)}`);
      if (packet !== undefined) this.#checkSame(packets, packet, `decoding the datagram of '${name}'`);
    }
    if (packet !== undefined) this.#checkRoundTrip(sample, packet);
  }

  #checkRoundTrip(sample: CodecSample, packet: Packet): void {
    const before = copyOf(packet);
    const encoded = this.#encode(sample, packet);
    this.#check(isDeepStrictEqual(packet, before), `changes the packet '${sample.name}' while encoding it`);
    if (encoded === undefined) {
      this.#check(packet.kind === 'reply', `encodes '${sample.name}' to nothing, which only replies may be`);
      return;
    }
    const again = this.#encode(sample, packet);
    this.#check(
      again !== undefined && isSameBytes(encoded, again),
      `encodes '${sample.name}' differently the second time`,
    );
    this.#checkMemory(sample, packet, encoded);
    const packets = this.#decode(encoded, sample.peer ?? PEER);
    this.#check(packets !== undefined, `refuses its own '${sample.name}': ${hex(encoded)}`);
    this.#checkSame(packets, packet, `decode(encode(packet)) of '${sample.name}'`);
  }

  /** Memory that is given holds anything, and is somebody else's later. */
  #checkMemory(sample: CodecSample, packet: Packet, encoded: Uint8Array): void {
    for (let time = 0; time < 2; time++) {
      const taken: Buffer[] = [];
      const allocate = (bytes: number): Buffer => {
        const memory = Buffer.alloc(bytes, FILLER);
        taken.push(memory);
        return memory;
      };
      const bytes = this.#encode(sample, packet, allocate);
      this.#check(
        bytes !== undefined && isSameBytes(encoded, bytes),
        `encodes '${sample.name}' differently into memory that it is given`,
      );
      for (const memory of taken) memory.fill(FILLER);
    }
  }

  /** A datagram may wait in a queue while others are encoded. */
  #checkEncodedStays(): void {
    const written = this.samples.valid.flatMap((sample) => {
      const bytes = sample.packet === undefined ? undefined : this.#encode(sample, sample.packet);
      return bytes === undefined ? [] : [{ sample, bytes, copy: Uint8Array.from(bytes) }];
    });
    for (const { sample, bytes, copy } of written) {
      this.#check(
        isSameBytes(bytes, copy),
        `writes over the bytes of '${sample.name}' when it encodes another packet`,
      );
    }
  }

  #checkHostile(runs: number): void {
    this.#decode(new Uint8Array(0), PEER);
    // One byte over and over is the deepest nesting that formats of lists and maps know.
    for (let byte = 0; byte < 256; byte++) this.#decode(new Uint8Array(MAX_PAYLOAD_BYTES).fill(byte), PEER);
    const seeds = this.samples.valid.flatMap((sample) => this.#bytesOf(sample));
    for (let run = 0; run < runs; run++) {
      this.#decode(this.#random.bytes(this.#random.below(RANDOM_BYTES)), PEER);
      const seed = seeds[this.#random.below(seeds.length)];
      if (seed !== undefined) this.#decode(this.#mutate(seed), PEER);
    }
    this.#check(
      this.#reasons.size <= MAX_REASONS,
      `refuses datagrams for ${this.#reasons.size} reasons; a reason is a few fixed words, not the peer's text`,
    );
  }

  #checkCreateId(): void {
    const { codec } = this;
    if (codec.createId === undefined) return;
    const sample = this.samples.valid.find(({ packet }) => packet?.kind === 'request');
    const ids = Array.from({ length: CREATED_IDS }, () => codec.createId?.());
    this.#check(new Set(ids).size > 1, `creates the id ${inspect(ids[0])} over and over`);
    for (const id of ids) {
      if (typeof id !== 'string' && typeof id !== 'number') this.#fail(`creates the id ${inspect(id)}`);
      if (sample?.packet?.kind !== 'request') continue;
      this.#checkRoundTrip(
        { ...sample, name: `${sample.name} with the id ${inspect(id)}` },
        { ...sample.packet, id },
      );
    }
  }

  /** Decodes in every way that a promise speaks of. @returns `undefined` when the datagram is refused */
  #decode(datagram: Uint8Array, peer: PeerAddress): readonly Packet[] | undefined {
    const packets = this.#decodeOnce(Buffer.from(datagram), datagram, peer);
    // Bytes in the middle of a larger array, and of the plain class.
    const arena = new Uint8Array(datagram.length + 2 * MARGIN_BYTES).fill(FILLER);
    const view = arena.subarray(MARGIN_BYTES, MARGIN_BYTES + datagram.length);
    view.set(datagram);
    const again = this.#decodeOnce(view, datagram, peer);
    arena.fill(FILLER);
    this.#check(
      isDeepStrictEqual(packets?.map(normal), again?.map(normal)),
      `keeps a reference to the bytes it was given, or reads beyond them: ${hex(datagram)}`,
    );
    if (packets === undefined) this.#refused++;
    else this.#decoded++;
    return packets;
  }

  #decodeOnce(input: Uint8Array, datagram: Uint8Array, peer: PeerAddress): readonly Packet[] | undefined {
    let packets: readonly Packet[] | undefined;
    try {
      const result = this.codec.decode(input, peer);
      packets = Array.isArray(result) ? (result as readonly Packet[]) : [result as Packet];
    } catch (error) {
      this.#checkRefusal(error, datagram);
    }
    this.#check(isSameBytes(input, datagram), `changes the bytes it was given: ${hex(datagram)}`);
    for (const packet of packets ?? []) this.#checkPacket(packet, datagram);
    return packets;
  }

  #checkRefusal(error: unknown, datagram: Uint8Array): void {
    if (!(error instanceof MalformedDatagramError)) {
      this.#fail(`throws ${inspect(error)} instead of a MalformedDatagramError for ${hex(datagram)}`);
    }
    const { reason } = error;
    this.#check(
      typeof reason === 'string' && reason !== '' && reason.length <= MAX_REASON_LENGTH,
      `gives the reason ${inspect(reason)}; it should be a few words`,
    );
    this.#reasons.add(reason);
  }

  #checkPacket(packet: Packet, datagram: Uint8Array): void {
    const kind = (packet as Packet | undefined)?.kind;
    this.#check(
      KINDS.has(kind as string),
      `decodes ${hex(datagram)} to ${inspect(packet)}, which is no packet`,
    );
    if (packet.kind === 'request' || packet.kind === 'reply') {
      const { id } = packet;
      this.#check(
        typeof id === 'string' || Number.isFinite(id),
        `decodes ${hex(datagram)} to a ${kind} with the id ${inspect(id)}`,
      );
    }
    if (packet.kind === 'request' || packet.kind === 'event') {
      this.#check(packet.pattern !== undefined, `decodes ${hex(datagram)} to a ${kind} without a pattern`);
    }
  }

  #checkSame(packets: readonly Packet[], expected: Packet, what: string): void {
    this.#check(packets.length === 1, `gives ${packets.length} packets for one: ${what}`);
    const actual = normal(packets[0] as Packet);
    this.#check(
      isDeepStrictEqual(actual, normal(expected)),
      `gives ${inspect(actual)} instead of ${inspect(normal(expected))}: ${what}`,
    );
  }

  #encode(sample: CodecSample, packet: Packet, allocate?: EncodeContext['allocate']): Uint8Array | undefined {
    const { peer = PEER, request } = sample;
    const context = { peer, request, maxBytes: MAX_PAYLOAD_BYTES, allocate };
    const bytes = this.codec.encode(packet, context) as unknown;
    if (bytes === undefined || bytes instanceof Uint8Array) return bytes;
    this.#fail(`encodes '${sample.name}' to ${inspect(bytes)}, which is no Uint8Array`);
  }

  #bytesOf(sample: CodecSample): Uint8Array[] {
    const encoded = sample.packet === undefined ? undefined : this.#encode(sample, sample.packet);
    return [sample.datagram, encoded].filter((bytes) => bytes !== undefined);
  }

  /** A valid datagram with one to four injuries. */
  #mutate(datagram: Uint8Array): Uint8Array {
    let bytes = [...datagram];
    for (let left = 1 + this.#random.below(4); left > 0; left--) {
      const at = this.#random.below(bytes.length + 1);
      const length = this.#random.below(8);
      const injuries = [
        () => bytes.splice(at, 1, this.#random.below(256)),
        () => bytes.splice(at, length),
        () => bytes.splice(at, 0, ...this.#random.bytes(length)),
        () => bytes.splice(at, 0, ...bytes.slice(at, at + length)),
        () => (bytes = bytes.slice(0, at)),
      ];
      injuries[this.#random.below(injuries.length)]?.();
    }
    return Uint8Array.from(bytes);
  }

  #check(holds: boolean, problem: string): asserts holds {
    if (!holds) this.#fail(problem);
  }

  #fail(problem: string): never {
    throw new AssertionError({
      message: `the codec '${this.codec.name}' ${problem} (seed ${this.#random.seed})`,
    });
  }
}

/** A packet in the form that is compared: no difference between a field that is missing and one that says nothing. */
function normal(packet: Packet): unknown {
  const fields = Object.entries(packet).filter(
    ([key, value]) => value !== undefined && !(key === 'isDisposed' && value === false),
  );
  const plain = Object.fromEntries(fields);
  // Raw data goes out as bytes or text, and comes back as bytes of whatever class.
  if (packet.kind === 'raw' && (typeof packet.data === 'string' || packet.data instanceof Uint8Array)) {
    plain['data'] = Buffer.from(packet.data as Uint8Array);
  }
  return plain;
}

/** A deep copy; unlike `structuredClone` it keeps the classes of what it copies. */
function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  // Not value.slice(): that of a Buffer copies nothing.
  if (value instanceof Uint8Array) return Uint8Array.prototype.slice.call(value) as T & Uint8Array;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  // Defined, not assigned: a key may be called __proto__.
  const fields = Object.entries(value).map(([key, field]) => [key, own(copyOf(field))]);
  return Object.create(
    Object.getPrototypeOf(value) as object,
    Object.fromEntries(fields) as PropertyDescriptorMap,
  ) as T;
}

function own(value: unknown): PropertyDescriptor {
  return { value, enumerable: true, configurable: true, writable: true };
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex') || 'the empty datagram';
  return bytes.length > SHOWN_BYTES ? `${shown}... (${bytes.length} bytes)` : shown;
}

const KINDS: ReadonlySet<string> = new Set<Packet['kind']>(['request', 'event', 'reply', 'raw', 'control']);

// RFC 5737: an address for documentation.
const PEER = PeerAddress.of('192.0.2.1', 3000);

const MAX_PAYLOAD_BYTES = 65_507;

const RANDOM_BYTES = 300;

const SHOWN_BYTES = 120;

const MARGIN_BYTES = 16;

// No letter of JSON, no digit of bencode: whoever reads beyond the datagram notices.
const FILLER = 0xaa;

const CREATED_IDS = 100;

const MAX_REASON_LENGTH = 60;

// As many as the drop counters keep apart.
const MAX_REASONS = 64;
