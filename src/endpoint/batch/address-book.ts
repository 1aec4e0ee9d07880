import type { PeerAddress } from '../../common/peer-address.js';
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
  readonly #heard: (PeerAddress | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #heardWords = new Int32Array(SLOTS * WORDS);
  /** By what we write. */
  readonly #told: (PeerAddress | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #toldWords = new Int32Array(SLOTS * WORDS);
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
    const from = index * WORDS;
    const slot = this.#slotOf(nameWords, from);
    const known = this.#heard[slot];
    if (known !== undefined && this.#isSame(nameWords, from, slot * WORDS)) return known;
    const begin = index * NAME_BYTES;
    const peer = readSockaddr(this.libc, names.subarray(begin, begin + this.#nameBytes));
    if (isOfZone(peer)) return peer;
    this.#heard[slot] = peer;
    for (let word = 0; word < WORDS; word++) {
      this.#heardWords[slot * WORDS + word] = nameWords[from + word] as number;
    }
    return peer;
  }

  /**
   * Writes to whom a message goes.
   *
   * @returns bytes of the address
   * @throws {SystemError} EINVAL: no address of the socket's family
   */
  writeName(peer: PeerAddress, { nameWords }: MessageSlab, index: number): number {
    const slot = slotOfText(peer.address, peer.port);
    const at = slot * WORDS;
    const known = this.#told[slot];
    if (known !== peer && known?.equals(peer) !== true) this.#learn(peer, slot);
    else if (isOfZone(peer)) this.#learn(peer, slot);
    const to = index * WORDS;
    for (let word = 0; word < WORDS; word++) nameWords[to + word] = this.#toldWords[at + word] as number;
    return this.#nameBytes;
  }

  #learn(peer: PeerAddress, slot: number): void {
    const bytes = new Uint8Array(NAME_BYTES);
    bytes.set(writeSockaddr(this.libc, this.family, peer.address, peer.port));
    this.#toldWords.set(new Int32Array(bytes.buffer), slot * WORDS);
    this.#told[slot] = peer;
  }

  /** Of an IPv4 address, its two words count; of an IPv6 address all but the flow, which is no part of it. */
  #isSame(words: Int32Array, from: number, known: number): boolean {
    const heard = this.#heardWords;
    if (heard[known] !== words[from]) return false;
    if (this.family === AF_INET) return heard[known + 1] === words[from + 1];
    for (let word = 2; word < SOCKADDR_IN6.size / 4; word++) {
      if (heard[known + word] !== words[from + word]) return false;
    }
    return true;
  }

  #slotOf(words: Int32Array, from: number): number {
    let hash = words[from] as number;
    const end = from + (this.family === AF_INET ? 2 : SOCKADDR_IN6.size / 4);
    for (let word = from + (this.family === AF_INET ? 1 : 2); word < end; word++) {
      hash = Math.imul(hash ^ (words[word] as number), HASH_FACTOR);
    }
    return (hash ^ (hash >>> 15)) & (SLOTS - 1);
  }
}

/** The number of an interface, and the name of a number, hold for as long as that interface is there: ask each time. */
function isOfZone({ address }: PeerAddress): boolean {
  return address.includes('%');
}

/** By the port and the end of the address: fleets of devices often differ in one of them alone. */
function slotOfText(address: string, port: number): number {
  const end = address.length;
  const tail =
    address.charCodeAt(end - 1) + 13 * address.charCodeAt(end - 2) + 131 * address.charCodeAt(end - 3);
  return (port + 29 * tail) & (SLOTS - 1);
}

const SLOTS = 4096;

const WORDS = NAME_BYTES / 4;

// Odd, with its bits well mixed: the golden ratio of 2^32.
const HASH_FACTOR = 0x9e3779b1;
