import { readFileSync } from 'node:fs';
import { SeededRandom } from '../../src/testing/seeded-random.js';
import { Gossip, HostileFrames } from './hostile-frames.js';
import { HostilePackets, PATTERNS } from './hostile-packets.js';

export type AttackKind = 'random' | 'mutated' | 'structured';

export interface HostileDatagram {
  readonly kind: AttackKind;
  readonly data: Buffer;
}

/** Datagrams that nobody should send, the same ones for the same seed as long as nothing is heard. */
export class Attack {
  readonly gossip: Gossip;
  readonly #random: SeededRandom;
  readonly #frames: HostileFrames;
  readonly #packets: HostilePackets;
  readonly #recent: Buffer[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.gossip = new Gossip(this.#random);
    this.#frames = new HostileFrames(this.#random, this.gossip);
    this.#packets = new HostilePackets(this.#random, this.gossip, this.#frames);
  }

  next(): HostileDatagram {
    const random = this.#random;
    const choice = random.next();
    const kind = choice < 0.15 ? 'random' : choice < 0.5 ? 'mutated' : 'structured';
    const data =
      kind === 'random' ? this.#noise() : kind === 'mutated' ? this.#mutated() : this.#structured();
    this.#recent.push(data);
    if (this.#recent.length > RECENT) this.#recent.shift();
    return { kind, data };
  }

  #noise(): Buffer {
    const random = this.#random;
    const bytes = Buffer.from(random.bytes(Math.floor(random.next() ** 4 * 2000)));
    if (random.chance(0.3)) return Buffer.concat([Buffer.from([0xc1, 1]), bytes]);
    return random.chance(0.2) ? Buffer.concat([Buffer.from('{'), bytes, Buffer.from('}')]) : bytes;
  }

  #structured(): Buffer {
    return this.#random.chance(0.5) ? this.#frames.next() : this.#packets.next();
  }

  #mutated(): Buffer {
    const random = this.#random;
    const choice = random.next();
    // Sent again as it was: doubled by the network, or replayed.
    if (choice < 0.2 && this.#recent.length > 0) return this.#oneOf(this.#recent);
    let data: Buffer = Buffer.from(choice < 0.6 ? this.#oneOf(VECTORS) : this.#plain());
    for (let turns = 1 + random.below(4); turns > 0; turns--) data = this.#turn(data);
    return data;
  }

  #plain(): Buffer {
    const id = this.#random.chance(0.9) ? { id: this.gossip.id() } : {};
    const data = this.#random.below(1200);
    return Buffer.from(JSON.stringify({ pattern: this.#oneOf(PATTERNS), data, ...id }));
  }

  #turn(data: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(data.length + 1);
    switch (random.below(6)) {
      case 0:
        if (at < data.length) data[at] = (data[at] as number) ^ (1 << random.below(8));
        return data;
      case 1:
        return data.subarray(0, at);
      case 2: {
        const other = this.#oneOf(VECTORS);
        return Buffer.concat([data.subarray(0, at), other.subarray(random.below(other.length))]);
      }
      case 3:
        return Buffer.concat([
          data.subarray(0, at),
          Buffer.from(random.bytes(random.below(8))),
          data.subarray(at),
        ]);
      case 4:
        if (at < data.length) data[at] = random.chance(0.5) ? 0 : 255;
        return data;
      default: {
        const length = random.below(Math.min(300, data.length - at + 1));
        return Buffer.concat([data, data.subarray(at, at + length)]);
      }
    }
  }

  #oneOf<T>(choice: readonly T[]): T {
    return choice[this.#random.below(choice.length)] as T;
  }
}

/** All test vectors of PROTOCOL.md: packets and frames. */
function readVectors(): Buffer[] {
  const text = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^```(json|frames)\n(.*?)^```/gms)];
  return blocks.flatMap(([, kind, lines = '']) =>
    lines
      .split('\n')
      .filter((line) => (kind === 'json' ? line.startsWith('{') : line.startsWith('c1')))
      .map((line) => (kind === 'json' ? Buffer.from(line) : Buffer.from(line, 'hex'))),
  );
}

const VECTORS = readVectors();

const RECENT = 256;
