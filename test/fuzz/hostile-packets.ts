import type { SeededRandom } from '../../src/testing/seeded-random.js';
import type { Gossip, HostileFrames } from './hostile-frames.js';

/** JSON packets, stamped or not, with a form that is sound and fields that are not. */
export class HostilePackets {
  constructor(
    private readonly random: SeededRandom,
    private readonly gossip: Gossip,
    private readonly frames: HostileFrames,
  ) {}

  next(): Buffer {
    const { random } = this;
    // Written by hand: JSON.stringify would neither repeat a key nor write `__proto__`.
    const parts: string[] = [];
    const isReply = random.chance(0.1);
    if (random.chance(0.7)) parts.push(this.#version(), `"x":${this.#stamp(isReply)}`);
    if (isReply) {
      parts.push(`"id":${this.#id()}`, `"response":${this.#data()}`);
      if (random.chance(0.5)) parts.push('"isDisposed":true');
      if (random.chance(0.2)) parts.push(`"err":${this.#value()}`, '"status":"error"');
    } else {
      parts.push(`"pattern":${this.#pattern()}`, `"data":${this.#data()}`);
      if (random.chance(0.8)) parts.push(`"id":${this.#id()}`);
      if (random.chance(0.15)) parts.push(`"metadata":${this.#metadata()}`);
    }
    while (random.chance(0.1)) parts.push(parts[random.below(parts.length)] as string);
    while (random.chance(0.05)) parts.push(`${JSON.stringify(this.#name())}:${this.#value()}`);
    if (random.chance(0.05)) parts.reverse();
    return Buffer.from(`{${parts.join(',')}}`).subarray(0, LARGEST);
  }

  #version(): string {
    return this.random.chance(0.95) ? '"v":1' : `"v":${this.#value()}`;
  }

  #stamp(isReply: boolean): string {
    const { random, gossip } = this;
    if (random.chance(0.03)) return this.#value();
    const hex = (value: number): string => value.toString(16).padStart(8, '0');
    const epoch = random.chance(0.5) ? '00000000' : random.chance(0.7) ? hex(gossip.epoch) : this.#hex();
    const attempt = random.chance(0.6) ? '01' : this.#hex().slice(0, 2);
    if (isReply) return `"${epoch}${attempt}${this.#hex()}"`;
    const age = random.chance(0.6) ? '00000000' : this.#hex();
    const patience = random.chance(0.6) ? '00001388' : this.#hex();
    const event = random.chance(0.1) ? gossip.id() : '';
    return `"${gossip.client()}${attempt}${age}${patience}${epoch}${event}"`;
  }

  #hex(): string {
    return this.frames.uint32().toString(16).padStart(8, '0');
  }

  #id(): string {
    const { random } = this;
    if (random.chance(0.75)) return `"${this.gossip.id()}"`;
    if (random.chance(0.1)) return JSON.stringify('i'.repeat(random.below(3000)));
    return random.chance(0.5) ? String(random.below(50)) : this.#value();
  }

  #pattern(): string {
    const { random } = this;
    if (random.chance(0.75)) return JSON.stringify(PATTERNS[random.below(PATTERNS.length)]);
    if (random.chance(0.3)) return JSON.stringify({ cmd: PATTERNS[random.below(PATTERNS.length)] });
    if (random.chance(0.1)) return JSON.stringify('p'.repeat(random.below(40_000)));
    if (random.chance(0.1)) return nested('{"a":', '}', random.below(6000));
    if (random.chance(0.1)) return JSON.stringify(nested('{"a":', '}', random.below(2000)));
    if (random.chance(0.1)) return wide(random.below(4000));
    return random.chance(0.5) ? JSON.stringify(this.#name()) : this.#value();
  }

  #data(): string {
    const { random } = this;
    if (random.chance(0.5)) return String(random.below(1500));
    if (random.chance(0.05)) return nested('[', ']', random.below(20_000));
    if (random.chance(0.05)) return nested('{"__proto__":', '}', random.below(3000));
    if (random.chance(0.02)) return wide(random.below(5000));
    return this.#value();
  }

  #metadata(): string {
    if (this.random.chance(0.3)) return this.#value();
    return `{${JSON.stringify(this.#name())}:${JSON.stringify(this.#name())}}`;
  }

  #value(): string {
    return VALUES[this.random.below(VALUES.length)] as string;
  }

  #name(): string {
    return NAMES[this.random.below(NAMES.length)] as string;
  }
}

function nested(open: string, close: string, depth: number): string {
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

function wide(count: number): string {
  return `{${Array.from({ length: count }, (_, index) => `"${(index * 7919).toString(36)}":${index}`).join(',')}}`;
}

/** Those that the subject serves, and some that it does not. */
export const PATTERNS = [
  'value',
  'promise',
  'observable',
  'generator',
  'large',
  'length',
  'slow',
  'failing',
  'limited',
  'event',
  'confirmed',
  'never',
  'nobody',
];

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'isDisposed',
  'err',
  'then',
  '',
  '\u0000',
  '\ud800',
  '\u202eright to left',
  'ß漢🎉',
  '@OnDatagram',
  '{}',
  '[]',
  '{"cmd":"value"}',
  '{"__proto__":{"polluted":1}}',
];

const VALUES = [
  'null',
  'true',
  '0',
  '-0',
  '-1',
  '1e308',
  '1e999',
  '9007199254740993',
  '0.1e-400',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '[]',
  '{}',
  '[[[[]]]]',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"then":1}',
  '{"length":4294967295}',
  '{"toJSON":1}',
  '{"valueOf":null,"toString":null}',
  '"' + 'w'.repeat(900) + '"',
];

const LARGEST = 65_507;
