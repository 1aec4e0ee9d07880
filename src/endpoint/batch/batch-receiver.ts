import { constants } from 'node:os';
import type { ReceivedDatagram } from '../datagram-socket.js';
import type { AddressBook } from './address-book.js';
import type { Descriptor } from './descriptor.js';
import type { Libc } from './libc.js';
import { MSG_DONTWAIT, MSG_TRUNC } from './linux.js';
import { LARGEST_PAYLOAD, SLOTS, type MessageSlab } from './message-slab.js';
import { SystemError } from './system-error.js';

/** What a {@link BatchReceiver} needs of its socket. */
export interface ReceiverParts {
  readonly libc: Libc;
  readonly descriptor: Descriptor;
  readonly slab: MessageSlab;
  readonly peers: AddressBook;
}

/**
 * Takes what the kernel has, up to 64 messages with one call. A message can be many datagrams of one size and one peer
 * that came in a row (`UDP_GRO`): they have gone through the kernel as one, which halves what the sender of a large
 * message spends there.
 */
export class BatchReceiver {
  #isDrained = false;
  #hasMerged = false;

  constructor(private readonly parts: ReceiverParts) {
    // Where slots are smaller, several datagrams could be cut at once.
    if (parts.slab.slotBytes >= LARGEST_PAYLOAD) parts.descriptor.takeMerged();
  }

  /** Whether the last call has emptied the kernel's queue. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /**
   * @param most how many datagrams are welcome, 64 or more; there are more where the first merged ones come
   * @returns in the order of arrival; none where none has come
   * @throws {SystemError} what waits to be told of the socket
   */
  receive(most: number): ReceivedDatagram[] {
    const { libc, descriptor, slab } = this.parts;
    const messages = this.#hasMerged ? Math.floor(most / MAX_MERGED) : SLOTS;
    const count = libc.recvmmsg(descriptor.fd, slab.headerAt(0), messages, MSG_DONTWAIT, 0n);
    this.#isDrained = count < messages;
    if (count < 0) return this.#failed();
    try {
      return this.#copyOut(count);
    } finally {
      slab.expectAny(count);
    }
  }

  #failed(): ReceivedDatagram[] {
    const errno = this.parts.libc.errno();
    if (errno === EAGAIN || errno === EINTR) return [];
    throw new SystemError('recvmmsg', errno);
  }

  /** Nobody keeps a slot: it belongs to the next call, whoever makes it. */
  #copyOut(count: number): ReceivedDatagram[] {
    const { slab, peers } = this.parts;
    const batch: ReceivedDatagram[] = [];
    for (let index = 0; index < count; index++) {
      const peer = peers.peerOf(slab, index);
      const isCut = (slab.flagsOf(index) & MSG_TRUNC) !== 0;
      let at = index * slab.slotStep;
      const end = at + slab.receivedBytes(index);
      const step = slab.mergedBytes(index) || end - at;
      do {
        const data = Buffer.allocUnsafe(Math.min(step, end - at));
        slab.payloads.copy(data, 0, at, at + data.length);
        at += step;
        batch.push(isCut && at >= end ? { data, peer, isTruncated: true } : { data, peer });
      } while (at < end);
    }
    this.#hasMerged = batch.length > count;
    return batch;
  }
}

const { EAGAIN, EINTR } = constants.errno;

// Datagrams that the kernel makes one of at the most (UDP_GRO_CNT_MAX of its udp_offload.c).
const MAX_MERGED = 64;
