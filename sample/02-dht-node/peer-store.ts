import { Injectable } from '@nestjs/common';

/** Who announced which torrent, in compact form: bounded, and forgotten after half an hour. */
@Injectable()
export class PeerStore {
  readonly #torrents = new Map<string, Map<string, number>>();

  add(infoHash: Buffer, compactPeer: Buffer, nowMs = Date.now()): void {
    const key = infoHash.toString('hex');
    const peers = this.#torrents.get(key) ?? new Map<string, number>();
    // Put in again, as the last: maps keep the order of insertion, so the first is the one to forget.
    this.#torrents.delete(key);
    this.#torrents.set(key, peers);
    peers.delete(compactPeer.toString('hex'));
    peers.set(compactPeer.toString('hex'), nowMs + TIME_TO_LIVE_MS);
    forgetFirst(peers, MAX_PEERS);
    forgetFirst(this.#torrents, MAX_TORRENTS);
  }

  find(infoHash: Buffer, nowMs = Date.now()): Buffer[] {
    const peers = this.#torrents.get(infoHash.toString('hex')) ?? new Map<string, number>();
    for (const [peer, expiresAtMs] of peers) if (expiresAtMs <= nowMs) peers.delete(peer);
    return [...peers.keys()].map((peer) => Buffer.from(peer, 'hex'));
  }
}

function forgetFirst(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}

const TIME_TO_LIVE_MS = 30 * 60_000;

const MAX_TORRENTS = 1000;

// Their six bytes each fit into one datagram.
const MAX_PEERS = 50;
