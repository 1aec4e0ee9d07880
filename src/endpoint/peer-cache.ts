import { PeerAddress } from '../common/peer-address.js';

/**
 * Peers that were met lately, so that the address of each datagram need not be read and written anew: what is
 * asked of a peer by its key is found sooner, too, where the key is the same text.
 */
export class PeerCache {
  readonly #peers: (PeerAddress | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** As the kernel wrote them. */
  readonly #addresses: string[] = Array.from({ length: SLOTS }, () => '');

  peerOf(address: string, port: number): PeerAddress {
    const slot = port % SLOTS;
    const known = this.#peers[slot];
    if (known !== undefined && known.port === port && this.#addresses[slot] === address) return known;
    const peer = PeerAddress.of(address, port);
    this.#peers[slot] = peer;
    this.#addresses[slot] = address;
    return peer;
  }
}

// By port: those of clients are spread by the kernels that pick them.
const SLOTS = 4096;
