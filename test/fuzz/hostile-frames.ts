import type { SeededRandom } from '../../src/testing/seeded-random.js';

/** What an attacker has heard or made up, and says again in the wrong place. */
export class Gossip {
  readonly ids: string[] = ['0123456789abcdef'];
  readonly clients: string[] = ['fedcba9876543210'];
  readonly tokens: Buffer[] = [Buffer.alloc(16)];
  epoch = 0x5eed0001;

  constructor(private readonly random: SeededRandom) {}

  /** An id: often one that was used before, by whomever. */
  id(): string {
    return this.#oneOf(this.ids);
  }

  /** A client instance, likewise. */
  client(): string {
    return this.#oneOf(this.clients);
  }

  token(): Buffer {
    return this.random.chance(0.3)
      ? Buffer.from(this.random.bytes(16))
      : (this.tokens[this.random.below(this.tokens.length)] as Buffer);
  }

  /** Remembers a token; the oldest is forgotten. */
  hear(token: Buffer): void {
    this.tokens.push(token);
    if (this.tokens.length > MOST) this.tokens.shift();
  }

  #oneOf(known: string[]): string {
    const fresh = Buffer.from(this.random.bytes(8)).toString('hex');
    if (known.length > 0 && this.random.chance(0.6)) return known[this.random.below(known.length)] as string;
    known.push(fresh);
    if (known.length > MOST) known.shift();
    return fresh;
  }
}

/** Frames with a sound head and fields that lie; PROTOCOL.md has the layout. */
export class HostileFrames {
  constructor(
    private readonly random: SeededRandom,
    private readonly gossip: Gossip,
  ) {}

  /** A frame of a kind, asking side or not. */
  next(): Buffer {
    const { random } = this;
    const code = this.#oneOf(random.chance(0.8) ? ASKING_CODES : ALL_CODES);
    const head = Buffer.alloc((code & ASKING) === 0 ? 16 : 24);
    head.writeUInt32BE(0xc1010000 + code * 256 + random.below(random.chance(0.9) ? 16 : 256), 0);
    head.write(this.gossip.id(), 4, 'hex');
    head.writeUInt32BE(this.#epoch(), 12);
    if (head.length === 24) head.write(this.gossip.client(), 16, 'hex');
    return Buffer.concat([head, ...this.#body(code)]);
  }

  /** A number of 32 bits where one matters: the ends, or near one that is true. */
  uint32(): number {
    const { random } = this;
    return this.#oneOf([0, 1, 2, random.below(40), random.below(300), random.below(2 ** 32), ...ENDS]) >>> 0;
  }

  #body(code: number): Buffer[] {
    switch (code & ~ASKING) {
      case 1:
      case 2:
        return [word(this.uint32())];
      case 3:
        return [Buffer.from([this.random.below(10)])];
      case 4:
      case 11:
        return [this.gossip.token()];
      case 7:
        return [word(this.uint32()), word(this.uint32()).subarray(2), this.#bytes(33)];
      case 8: {
        const age = (code & ASKING) === 0 ? [] : [word(this.random.chance(0.6) ? 0 : this.uint32())];
        const seq = word(this.random.chance(0.5) ? this.random.below(6) : this.uint32());
        // Whether a length is expected stands in the flags: a wrong guess is one more lie.
        const length = this.random.chance(0.5) ? [word(this.uint32())] : [];
        return [...age, seq, ...length, this.#bytes(1180)];
      }
      default:
        return this.random.chance(0.1) ? [this.#bytes(40)] : [];
    }
  }

  #epoch(): number {
    return this.random.chance(0.6) ? this.gossip.epoch : this.uint32();
  }

  #bytes(most: number): Buffer {
    return Buffer.from(this.random.bytes(this.random.below(most)));
  }

  #oneOf<T>(choice: readonly T[]): T {
    return choice[this.random.below(choice.length)] as T;
  }
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const ASKING = 0x40;

const ASKING_CODES = [0x49, 0x4a, 0x4b, 0x47, 0x48, 0x48, 0x48, 0x48];

const ALL_CODES = [...Array.from({ length: 13 }, (_, code) => code), ...ASKING_CODES, 0x7f, 0xff];

const ENDS = [0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff, 65_535, 65_536, 2 ** 20, 2 ** 20 + 1];

// Few enough that ids meet again while they matter.
const MOST = 64;
