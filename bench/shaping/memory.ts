/** What peers with limits of their own take of the heap, and who is forgotten when the table is full. */
import { heapAfterGc, serve } from './child.js';
import { BenchDatagram, check, createPeers, createShaper, DATAGRAM_BYTES, peerNo } from './work.js';

export interface MemoryResult {
  readonly idle: { readonly peers: number; readonly bytes: number };
  readonly forged: {
    readonly addresses: number;
    readonly known: number;
    readonly forgotten: number;
    readonly mostPeers: number;
    readonly bytes: number;
    readonly nsPerDatagram: number;
  };
}

serve((): MemoryResult => ({ idle: idlePeers(), forged: forgedAddresses() }));

/** Each peer has sent one datagram; its bucket is full again when the heap is looked at. */
function idlePeers(): MemoryResult['idle'] {
  // Whatever is made once has been made before.
  shaperWithPeers(KNOWN_PEERS);
  const before = heapAfterGc();
  const shaper = shaperWithPeers(IDLE_PEERS);
  const bytes = heapAfterGc() - before;
  check(shaper.peers.size === IDLE_PEERS, 'all peers are remembered');
  return { peers: IDLE_PEERS, bytes };
}

function shaperWithPeers(count: number): ReturnType<typeof createShaper> {
  const shaper = createShaper({ perPeer: { upload: '1 MB/s', maxPeers: IDLE_PEERS } });
  for (let number = 0; number < count; number++) {
    shaper.offer(new BenchDatagram(peerNo(number), DATAGRAM_BYTES, undefined), number / 1000);
  }
  return shaper;
}

/**
 * Known peers owe bytes or have a datagram queued while forged addresses send one datagram each: those owe
 * nothing any more after a while, so that they make room for each other.
 */
function forgedAddresses(): MemoryResult['forged'] {
  const before = heapAfterGc();
  const shaper = createShaper({ perPeer: { upload: '100 kB/s', maxPeers: MAX_PEERS } });
  const known = createPeers(KNOWN_PEERS);
  for (const [index, peer] of known.entries()) {
    // A debt of ten seconds; with every other one a datagram that waits behind it.
    shaper.offer(new BenchDatagram(peer, 1e6, undefined), 0);
    if (index % 2 === 1) shaper.offer(new BenchDatagram(peer, DATAGRAM_BYTES, undefined), 0);
  }
  check(shaper.queuedDatagrams === KNOWN_PEERS / 2, 'every other known peer has something queued');

  let mostPeers = 0;
  const startNs = process.hrtime.bigint();
  for (let number = 0; number < FORGED; number++) {
    const peer = peerNo(KNOWN_PEERS + number);
    const nowMs = number / FORGED_A_MS;
    shaper.offer(new BenchDatagram(peer, DATAGRAM_BYTES, undefined), nowMs);
    // Those that find no room now and then, and wait for the limit of all strangers.
    while (shaper.release(nowMs) !== undefined);
    mostPeers = Math.max(mostPeers, shaper.peers.size);
  }
  const nsPerDatagram = Number(process.hrtime.bigint() - startNs) / FORGED;
  const bytes = heapAfterGc() - before;
  // Who was forgotten would owe nothing now.
  const endMs = FORGED / FORGED_A_MS;
  const owes = (key: string): boolean => (shaper.peers.get(key, endMs)?.limit.tokens(endMs) ?? 0) < 0;
  const forgotten = known.filter(({ address }) => !owes(address));
  return {
    addresses: FORGED,
    known: KNOWN_PEERS,
    forgotten: forgotten.length,
    mostPeers,
    bytes,
    nsPerDatagram,
  };
}

const IDLE_PEERS = 100_000;

const KNOWN_PEERS = 1000;

const FORGED = 1_000_000;

// A flood of two seconds, within which no known peer can pay.
const FORGED_A_MS = 500;

const MAX_PEERS = 65_536;
