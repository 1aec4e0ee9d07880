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
    const slot = slotOf(address, port);
    const known = this.#peers[slot];
    if (known !== undefined && known.port === port && this.#addresses[slot] === address) return known;
    const peer = PeerAddress.of(address, port);
    this.#peers[slot] = peer;
    this.#addresses[slot] = address;
    return peer;
  }
}

/** By the port and the end of the address: fleets of devices often differ in one of them alone. */
function slotOf(address: string, port: number): number {
  const end = address.length;
  const tail =
    address.charCodeAt(end - 1) + 13 * address.charCodeAt(end - 2) + 131 * address.charCodeAt(end - 3);
  return (port + 29 * tail) % SLOTS;
}

const SLOTS = 4096;
