import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { INestMicroservice } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import bencode from 'bencode';
import { Client } from 'bittorrent-dht';
import { throttledUdp, ThrottledUdpTransport } from 'nestjs-throttled-udp';
import { Program } from '../../test/support/programs.js';
import { RawPeer } from '../../test/support/raw-peer.js';
import { AppModule } from './app.module.js';
import { DhtService } from './dht.service.js';
import { PeerStore } from './peer-store.js';
import { ANSWERS, FIND_NODE_QUERY } from './recorded-datagrams.js';

const HOST = '127.0.0.1';

let app: INestMicroservice;
let dht: DhtService;
let transport: ThrottledUdpTransport;
let port: number;
let clients: Client[] = [];
let stranger: RawPeer;

beforeEach(async () => {
  process.env['DHT_PORT'] = '0';
  const moduleRef = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app = moduleRef.createNestMicroservice({ ...throttledUdp(), logger: false });
  await app.listen();
  transport = app.get(ThrottledUdpTransport);
  dht = app.get(DhtService);
  port = transport.address()?.port ?? 0;
  stranger = await RawPeer.open();
});

afterEach(async () => {
  await Promise.all(clients.map((client) => new Promise<void>((resolve) => client.destroy(resolve))));
  clients = [];
  await stranger.close();
  await app.close();
});

describe('02-dht-node, for the bittorrent-dht client', () => {
  it('is a node to bootstrap through', async () => {
    const first = await join();
    const second = await join();
    expect(idsOf(first)).toContain(dht.id.toString('hex'));
    // The second one heard of the first one from our node only.
    expect(idsOf(second)).toEqual(
      expect.arrayContaining([dht.id.toString('hex'), first.nodeId.toString('hex')]),
    );
    expect(dht.table.size).toBe(2);
  });

  it('stores what is announced, and tells who looks it up', async () => {
    const infoHash = randomBytes(20);
    const seeder = await join();
    await new Promise<void>((resolve, reject) => {
      seeder.announce(infoHash, 6969, (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      );
    });
    const leecher = await join();
    const found = once(leecher, 'peer') as Promise<[{ host: string; port: number }, Buffer]>;
    leecher.lookup(infoHash);
    const [peer, of] = await found;
    expect(peer).toEqual({ host: HOST, port: 6969 });
    expect(of.equals(infoHash)).toBe(true);
  });

  it('asks it, from the very socket that answers it', async () => {
    const infoHash = randomBytes(20);
    const node = await join();
    const seen = once(node, 'announce') as Promise<[unknown, Buffer, { port: number }]>;
    expect(await dht.announce(infoHash, 7070)).toBe(1);
    const [peer, , from] = await seen;
    expect(peer).toEqual({ host: HOST, port: 7070 });
    expect(from.port).toBe(port);
    expect(await dht.findPeers(infoHash)).toEqual([{ address: HOST, port: 7070 }]);
    expect((await dht.findNode(node.nodeId)).map(({ id }) => id.toString('hex'))).toContain(
      node.nodeId.toString('hex'),
    );
    expect(await dht.ping({ host: HOST, port: node.address().port })).toEqual(node.nodeId);
  });

  it('joins through a node that does not know it, by name', async () => {
    const node = await join(false);
    expect(dht.table.size).toBe(0);
    expect(await dht.join([{ host: 'localhost', port: node.address().port }])).toBe(1);
    expect(dht.table.closest(node.nodeId)).toEqual([
      { id: Buffer.from(node.nodeId), address: HOST, port: node.address().port },
    ]);
  });
});

describe('02-dht-node, for anybody', () => {
  it('answers the recorded query', async () => {
    const answer = await ask(FIND_NODE_QUERY);
    expect(answer).toMatchObject({ y: 'r', r: { id: dht.id.toString('hex') } });
    expect(answer['t']).toBe('#K');
  });

  it.each([
    ['a wrong token', { token: Buffer.from('12345678'), port: 1 }, 'bad token'],
    ['no token', { port: 1 }, 'bad token'],
  ])('refuses an announcement with %s', async (_what, values, text) => {
    const a = { id: randomBytes(20), info_hash: randomBytes(20), ...values };
    expect(await ask(bencode.encode({ t: 'x1', y: 'q', q: 'announce_peer', a }))).toEqual({
      t: 'x1',
      y: 'e',
      e: [203, text],
    });
  });

  it('believes its own tokens, and takes the port that the datagram came from when asked to', async () => {
    const ids = { id: randomBytes(20), info_hash: randomBytes(20) };
    await stranger.send(bencode.encode({ t: 'x2', y: 'q', q: 'get_peers', a: ids }), port);
    const [reply] = await stranger.take();
    const { token } = (bencode.decode(reply!) as { r: { token: Uint8Array } }).r;
    const a = { ...ids, token, implied_port: 1, port: 9 };
    expect(await ask(bencode.encode({ t: 'x3', y: 'q', q: 'announce_peer', a }))).toMatchObject({ y: 'r' });
    const { r } = await ask(bencode.encode({ t: 'x4', y: 'q', q: 'get_peers', a: ids }));
    const own = Buffer.from([127, 0, 0, 1, stranger.port >> 8, stranger.port & 255]).toString('hex');
    expect(
      (r as { values: string[] }).values.map((value) => Buffer.from(value, 'latin1').toString('hex')),
    ).toEqual([own]);
  });

  it.each([
    ['an unknown method', { q: 'vote', a: {} }, [204, 'Method Unknown']],
    ['a target that is no id', { q: 'find_node', a: { target: 'short' } }, [203, 'target must be 20 bytes']],
    ['no arguments', { q: 'get_peers' }, [203, 'info_hash must be 20 bytes']],
  ])('answers %s with an error', async (_what, query, e) => {
    expect(await ask(bencode.encode({ t: 'x5', y: 'q', ...query }))).toEqual({ t: 'x5', y: 'e', e });
  });

  it.each([
    ['find_node', 'target', 'nodes', 6],
    ['get_peers', 'info_hash', 'nodes', 6],
  ])('answers the first %s of a stranger, however many nodes it knows', async (q, name, list, least) => {
    for (let nth = 0; nth < 100; nth++) {
      dht.table.add({ id: randomBytes(20), address: `10.0.0.${nth + 1}`, port: 6881 });
    }
    const query = bencode.encode({ t: 'aa', y: 'q', q, a: { id: randomBytes(20), [name]: randomBytes(20) } });
    const { r } = await ask(query);
    expect((r as Record<string, string>)[list]!.length).toBeGreaterThanOrEqual(26 * least);
    expect(transport.stats().upload.bytes).toBeLessThanOrEqual(3 * query.length);
  });

  it('names as many peers as a stranger may be told of', async () => {
    const infoHash = randomBytes(20);
    const store = app.get(PeerStore);
    for (let nth = 0; nth < 50; nth++) store.add(infoHash, Buffer.from([10, 0, 0, nth + 1, 26, 225]));
    const query = bencode.encode({
      t: 'aa',
      y: 'q',
      q: 'get_peers',
      a: { id: randomBytes(20), info_hash: infoHash },
    });
    const { r } = await ask(query);
    expect((r as { values: string[] }).values.length).toBeGreaterThanOrEqual(20);
    expect(transport.stats().upload.bytes).toBeLessThanOrEqual(3 * query.length);
  });

  it('counts what is malformed, and goes on', async () => {
    const malformed = [
      '',
      'd',
      'l-3:',
      'i1e',
      'd1:t2:aae',
      'de',
      'd1:t2:aa1:y1:qe',
      'l'.repeat(60_000),
      'd1:x9:e',
    ];
    for (const text of malformed) await stranger.send(text, port);
    expect(await ask(FIND_NODE_QUERY)).toMatchObject({ y: 'r' });
    const { drops } = transport.stats().download;
    const counted = Object.entries(drops).filter(([reason]) => reason.startsWith('malformed: '));
    expect(counted.reduce((sum, [, { datagrams }]) => sum + datagrams, 0)).toBe(malformed.length);
  });

  it('counts an answer that it did not ask for, and says nothing to it', async () => {
    for (const answer of ANSWERS) await stranger.send(answer, port);
    // The only datagram that comes back belongs to the query.
    expect(await ask(FIND_NODE_QUERY)).toMatchObject({ y: 'r', t: '#K' });
    expect(transport.stats().packets.unknownReplies).toBe(ANSWERS.length);
    expect(transport.stats().upload.datagrams).toBe(1);
    expect(dht.table.size).toBe(1);
  });

  it('refuses queries with a server error while it closes', async () => {
    await transport.stopIntake();
    expect(await ask(FIND_NODE_QUERY)).toEqual({ t: '#K', y: 'e', e: [202, 'the service is closing'] });
  });
});

describe('02-dht-node, as a program', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('says where it listens, joins, and ends on %s', async (signal) => {
    const program = new Program('sample/02-dht-node/main.ts', [], {
      DHT_PORT: '0',
      DHT_UPLOAD: '20 kB/s',
      DHT_BOOTSTRAP: `${HOST}:${port}`,
    });
    await program.line(/^DHT node [0-9a-f]{40} on 127\.0\.0\.1:\d+/);
    await program.line(/^upload 20 kB\/s, download 100 kB\/s/);
    await program.line(/^joined: 1 nodes known/);
    program.kill(signal);
    // Nest passes the signal on once everything is closed: a shell sees what ended the program.
    expect(await program.ended).toBe(signal);
    expect(dht.table.size).toBe(1);
  });
});

/** A client that nobody here wrote, which knows our node only, or nobody: never those that it would ask itself. */
async function join(bootstrap: string[] | false = [`${HOST}:${port}`]): Promise<Client> {
  const client = new Client({ bootstrap, host: HOST });
  clients.push(client);
  const ready = once(client, 'ready');
  client.listen(0, HOST);
  await ready;
  return client;
}

function idsOf(client: Client): string[] {
  return client.nodes.toArray().map(({ id }) => Buffer.from(id).toString('hex'));
}

/** Sends bytes and reads the answer; byte strings as text where they are text, else ids in hexadecimal. */
async function ask(datagram: Uint8Array): Promise<Record<string, unknown>> {
  await stranger.send(datagram, port);
  const [answer] = await stranger.take();
  return readable(bencode.decode(answer!)) as Record<string, unknown>;
}

function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return value.length === 20 ? Buffer.from(value).toString('hex') : Buffer.from(value).toString('latin1');
  }
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const { ip: _ip, ...entries } = value as Record<string, unknown>;
  return Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, readable(entry)]));
}
