/** An address and port as the DHT writes them: 4 and 2 bytes, big-endian. IPv4 only, as in BEP 5. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A node of the DHT: 20 bytes of id, and where it listens. */
export interface DhtNode extends Endpoint {
  readonly id: Buffer;
}

/** @returns 6 bytes, or `undefined` when it is no IPv4 address */
export function toCompactPeer({ address, port }: Endpoint): Buffer | undefined {
  const bytes = address.split('.').map(Number);
  if (bytes.length !== 4) return undefined;
  return Buffer.from([...bytes, port >> 8, port & 0xff]);
}

export function fromCompactPeer(bytes: Buffer): Endpoint {
  return { address: [...bytes.subarray(0, 4)].join('.'), port: bytes.readUInt16BE(4) };
}

export function toCompactNodes(nodes: readonly DhtNode[]): Buffer {
  return Buffer.concat(nodes.flatMap((node) => [node.id, toCompactPeer(node) ?? NOTHING]));
}

/** @param bytes 26 for each node; anything else names none */
export function fromCompactNodes(bytes: unknown): DhtNode[] {
  if (!Buffer.isBuffer(bytes) || bytes.length % NODE_BYTES !== 0) return [];
  return Array.from({ length: bytes.length / NODE_BYTES }, (_, index) => {
    const node = bytes.subarray(index * NODE_BYTES, (index + 1) * NODE_BYTES);
    return { id: node.subarray(0, ID_BYTES), ...fromCompactPeer(node.subarray(ID_BYTES)) };
  });
}

export const ID_BYTES = 20;

export const NODE_BYTES = ID_BYTES + 6;

const NOTHING = Buffer.alloc(0);
