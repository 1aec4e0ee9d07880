import type { PeerAddress } from '../../common/peer-address.js';
import { hashOfText } from '../../common/text-hash.js';
import type { Libc } from './libc.js';
import { AF_INET, SOCKADDR_IN, SOCKADDR_IN6 } from './linux.js';
import { NAME_BYTES, type MessageSlab } from './message-slab.js';
import { readSockaddr, writeSockaddr } from './sockaddr.js';

/**
 * Peers that were met lately, by the bytes of their addresses: most datagrams come from and go to one of them, and
 * need no text.
 */
export class AddressBook {
  /** By what the kernel writes. */
  #heard = new Page(LEAST_SLOTS);
  /** By what we write. */
  #told = new Page(LEAST_SLOTS);
  /** Of late: how many peers were looked up, and how many gave way to another one. */
  #lookups = 0;
  #displaced = 0;
  readonly #nameBytes: number;

  /** @param family of the socket */
  constructor(
    private readonly libc: Libc,
    private readonly family: number,
  ) {
    this.#nameBytes = family === AF_INET ? SOCKADDR_IN.size : SOCKADDR_IN6.size;
  }

  /** Who has sent a message. */
  peerOf({ names, nameWords }: MessageSlab, index: number): PeerAddress {
    this.#lookups++;
    const from = index * WORDS;
    const hash = this.#hashOf(nameWords, from);
    const known = this.#heard.peerAt(hash);
    if (known !== undefined && this.#isSame(nameWords, from, this.#heard.wordOf(hash))) return known;
    const begin = index * NAME_BYTES;
    const peer = readSockaddr(this.libc, names.subarray(begin, begin + this.#nameBytes));
    if (isOfZone(peer)) return peer;
    if (known !== undefined) this.#onDisplaced();
    this.#heard.set(hash, peer, nameWords, from);
    // Most are answered; without the flow, which belongs to the packet that has come.
    if (this.family !== AF_INET) nameWords[from + SOCKADDR_IN6.flowInfo / 4] = 0;
    this.#told.set(hashOfPeer(peer), peer, nameWords, from);
    return peer;
  }

  /**
   * Writes to whom a message goes.
   *
   * @returns bytes of the address
   * @throws {SystemError} EINVAL: no address of the socket's family
   */
  writeName(peer: PeerAddress, { nameWords }: MessageSlab, index: number): number {
    this.#lookups++;
    const hash = hashOfPeer(peer);
    const known = this.#told.peerAt(hash);
    const isKnown = known?.equals(peer) === true;
    if (!isKnown || isOfZone(peer)) {
      const bytes = new Uint8Array(NAME_BYTES);
      bytes.set(writeSockaddr(this.libc, this.family, peer.address, peer.port));
      if (known !== undefined && !isKnown) this.#onDisplaced();
      this.#told.set(hash, peer, new Int32Array(bytes.buffer), 0);
    }
    const to = index * WORDS;
    const at = this.#told.wordOf(hash);
    for (let word = 0; word < WORDS; word++) nameWords[to + word] = this.#told.words[at + word] as number;
    return this.#nameBytes;
  }

  /** More room where many give way to others, up to a bound: who forges addresses must not take more. */
  #onDisplaced(): void {
    const { slots } = this.#heard;
    if (++this.#displaced < slots / 2) return;
    const isCrowded = this.#lookups < 8 * this.#displaced;
    this.#lookups = this.#displaced = 0;
    if (!isCrowded || slots >= MOST_SLOTS) return;
    this.#heard = new Page(2 * slots);
    this.#told = new Page(2 * slots);
  }

  /** Of an IPv4 address, its two words count; of an IPv6 address all but the flow, which is no part of it. */
  #isSame(words: Int32Array, from: number, known: number): boolean {
    const heard = this.#heard.words;
    if (heard[known] !== words[from]) return false;
    if (this.family === AF_INET) return heard[known + 1] === words[from + 1];
    for (let word = 2; word < SOCKADDR_IN6.size / 4; word++) {
      if (heard[known + word] !== words[from + word]) return false;
    }
    return true;
  }

  #hashOf(words: Int32Array, from: number): number {
    let hash = words[from] as number;
    const end = from + (this.family === AF_INET ? 2 : SOCKADDR_IN6.size / 4);
    for (let word = from + (this.family === AF_INET ? 1 : 2); word < end; word++) {
      // Neighbours differ in the last byte of their address, the highest one of its word: down with it, each time.
      hash = Math.imul(hash ^ (hash >>> 16), HASH_FACTOR) ^ (words[word] as number);
    }
    hash = Math.imul(hash ^ (hash >>> 16), HASH_FACTOR);
    return hash ^ (hash >>> 15);
  }
}

/** Peers and the words of their addresses, each in the one slot that its hash names. */
class Page {
  readonly words: Int32Array;
  readonly #peers: (PeerAddress | undefined)[];

  /** @param slots a power of 2 */
  constructor(readonly slots: number) {
    this.words = new Int32Array(slots * WORDS);
    this.#peers = Array.from({ length: slots }, () => undefined);
  }

  peerAt(hash: number): PeerAddress | undefined {
    return this.#peers[hash & (this.slots - 1)];
  }

  /** Where the words of a slot begin. */
  wordOf(hash: number): number {
    return (hash & (this.slots - 1)) * WORDS;
  }

  set(hash: number, peer: PeerAddress, words: Int32Array, from: number): void {
    this.#peers[hash & (this.slots - 1)] = peer;
    const at = this.wordOf(hash);
    for (let word = 0; word < WORDS; word++) this.words[at + word] = words[from + word] as number;
  }
}

/** The number of an interface, and the name of a number, hold for as long as that interface is there: ask each time. */
function isOfZone({ address }: PeerAddress): boolean {
  return address.includes('%');
}

function hashOfPeer({ address, port }: PeerAddress): number {
  return hashOfText(address, port);
}

const LEAST_SLOTS = 4096;

// About 20 MiB when all of them are taken, for each family.
const MOST_SLOTS = 65_536;

const WORDS = NAME_BYTES / 4;

// Odd, with its bits well mixed: the golden ratio of 2^32.
const HASH_FACTOR = 0x9e3779b1;
