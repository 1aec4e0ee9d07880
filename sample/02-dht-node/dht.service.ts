import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ThrottledUdpClient, UdpRecordBuilder } from 'nestjs-throttled-udp';
import { firstValueFrom } from 'rxjs';
import { fromCompactNodes, fromCompactPeer, ID_BYTES, type DhtNode, type Endpoint } from './compact.js';
import type { KrpcValues } from './krpc.codec.js';
import { byDistance, RoutingTable } from './routing-table.js';
import type { HostAndPort } from './settings.js';

/** Asks other nodes, over the socket that answers them: they see one node, and both ways share one budget. */
@Injectable()
export class DhtService {
  readonly id = randomBytes(ID_BYTES);
  readonly table = new RoutingTable(this.id);

  constructor(@Inject('DHT_CLIENT') private readonly client: ThrottledUdpClient) {}

  /** Joins the DHT through nodes whose ids are not known yet. @returns how many nodes are known then */
  async join(bootstrap: readonly HostAndPort[]): Promise<number> {
    await Promise.allSettled(
      bootstrap.map(async ({ host, port }) => {
        // Nodes know each other by address: under a name the answer would be of no use to the table.
        const { address } = await lookup(host, { family: 4 });
        await this.ping({ host: address, port });
      }),
    );
    await this.findNode(this.id);
    return this.table.size;
  }

  /** @returns the id of the node that answers there */
  async ping(peer: HostAndPort): Promise<Buffer> {
    return (await this.#ask(peer, 'ping', {}))['id'] as Buffer;
  }

  /** The nodes nearest to an id that answer. */
  async findNode(target: Buffer): Promise<DhtNode[]> {
    return await this.#walk(target, 'find_node', { target }, () => {});
  }

  /** Who announced a torrent, as far as the nodes nearest to it know. */
  async findPeers(infoHash: Buffer): Promise<Endpoint[]> {
    const found = new Map<string, Endpoint>();
    await this.#walk(infoHash, 'get_peers', { info_hash: infoHash }, (_node, { values }) => {
      for (const peer of Array.isArray(values) ? (values as unknown[]) : []) {
        if (Buffer.isBuffer(peer) && peer.length === 6)
          found.set(peer.toString('hex'), fromCompactPeer(peer));
      }
    });
    return [...found.values()];
  }

  /** Tells the nodes nearest to a torrent that it is to be had at a port of ours. @returns how many took it */
  async announce(infoHash: Buffer, port: number): Promise<number> {
    const tokens = new Map<DhtNode, unknown>();
    await this.#walk(infoHash, 'get_peers', { info_hash: infoHash }, (node, { token }) =>
      tokens.set(node, token),
    );
    const nearest = [...tokens].sort(([a], [b]) => byDistance(infoHash)(a, b)).slice(0, NEAREST);
    const told = await Promise.allSettled(
      nearest.map(([node, token]) =>
        this.#askNode(node, 'announce_peer', { info_hash: infoHash, port, token }),
      ),
    );
    return told.filter(({ status }) => status === 'fulfilled').length;
  }

  /** Asks ever nearer nodes, three at a time, until the nearest have all been asked. */
  async #walk(
    target: Buffer,
    method: string,
    values: KrpcValues,
    take: (node: DhtNode, answer: KrpcValues) => void,
  ): Promise<DhtNode[]> {
    let nearest = this.table.closest(target);
    const asked = new Set<string>();
    for (;;) {
      const next = nearest.filter((node) => !asked.has(keyOf(node))).slice(0, AT_ONCE);
      if (next.length === 0 || asked.size >= MOST_ASKED) return nearest;
      const answers = await Promise.allSettled(
        next.map(async (node) => {
          asked.add(keyOf(node));
          const answer = await this.#askNode(node, method, values);
          take(node, answer);
          return fromCompactNodes(answer['nodes']);
        }),
      );
      const silent = new Set(next.filter((_node, index) => answers[index]?.status === 'rejected'));
      const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      nearest = merge([...nearest.filter((node) => !silent.has(node)), ...found], this.id)
        .sort(byDistance(target))
        .slice(0, NEAREST);
    }
  }

  async #askNode(node: DhtNode, method: string, values: KrpcValues): Promise<KrpcValues> {
    try {
      return await this.#ask({ host: node.address, port: node.port }, method, values);
    } catch (error) {
      this.table.remove(node);
      throw error;
    }
  }

  async #ask(peer: HostAndPort, method: string, values: KrpcValues): Promise<KrpcValues> {
    const record = new UdpRecordBuilder({ id: this.id, ...values }).setPeer(peer).build();
    const answer = await firstValueFrom(this.client.send<KrpcValues>(method, record));
    const { id } = answer;
    if (!Buffer.isBuffer(id) || id.length !== ID_BYTES)
      throw new Error(`${peer.host}:${peer.port} has no node id`);
    this.table.add({ id, address: peer.host, port: peer.port });
    return answer;
  }
}

function keyOf({ id, address, port }: DhtNode): string {
  return `${id.toString('hex')}@${address}:${port}`;
}

function merge(nodes: readonly DhtNode[], ownId: Buffer): DhtNode[] {
  const byKey = new Map(nodes.map((node) => [keyOf(node), node]));
  return [...byKey.values()].filter(({ id, port }) => port > 0 && !id.equals(ownId));
}

const NEAREST = 8;

const AT_ONCE = 3;

// A liar can name nearer nodes for ever.
const MOST_ASKED = 64;
