import { isIPv4 } from 'node:net';
import { ID_BYTES, type DhtNode } from './compact.js';

/** Nodes that answered or asked us, at most 8 for each distance, 160 distances: bounded whoever asks. */
export class RoutingTable {
  readonly #buckets: DhtNode[][] = Array.from({ length: ID_BYTES * 8 }, () => []);

  constructor(readonly ownId: Buffer) {}

  /** Takes a node, the latest seen last. A full bucket keeps those it has known for longer: they stay longer. */
  add(node: DhtNode): void {
    const bucket = this.#buckets[sharedBits(node.id, this.ownId)];
    // Nobody but ourselves shares all bits; port 0 cannot be answered; a name has no compact form.
    if (bucket === undefined || node.port === 0 || !isIPv4(node.address)) return;
    const index = bucket.findIndex(({ id }) => id.equals(node.id));
    if (index >= 0) bucket.splice(index, 1);
    if (bucket.length < NODES_PER_BUCKET) bucket.push(node);
  }

  /** Forgets a node that does not answer. */
  remove({ id }: DhtNode): void {
    const bucket = this.#buckets[sharedBits(id, this.ownId)];
    const index = bucket?.findIndex((node) => node.id.equals(id)) ?? -1;
    if (index >= 0) bucket?.splice(index, 1);
  }

  /** The nodes nearest to an id, the nearest first. */
  closest(target: Buffer, count = NODES_PER_BUCKET): DhtNode[] {
    return this.#buckets.flat().sort(byDistance(target)).slice(0, count);
  }

  get size(): number {
    return this.#buckets.reduce((sum, bucket) => sum + bucket.length, 0);
  }
}

/** Orders nodes by their distance from an id: the exclusive or of the two, as a number. */
export function byDistance(target: Buffer): (a: DhtNode, b: DhtNode) => number {
  return (a, b) => {
    for (let index = 0; index < ID_BYTES; index++) {
      const difference = (a.id[index]! ^ target[index]!) - (b.id[index]! ^ target[index]!);
      if (difference !== 0) return difference;
    }
    return 0;
  };
}

function sharedBits(a: Buffer, b: Buffer): number {
  for (let index = 0; index < ID_BYTES; index++) {
    const difference = a[index]! ^ b[index]!;
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24;
  }
  return ID_BYTES * 8;
}

const NODES_PER_BUCKET = 8;
