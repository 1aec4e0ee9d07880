import { constants } from 'node:os';
import type { OutgoingDatagram } from '../datagram-socket.js';
import { EndpointClosedError } from '../endpoint.errors.js';
import { tell } from '../tell.js';
import type { Descriptor } from './descriptor.js';
import type { Libc } from './libc.js';
import { MSG_DONTWAIT } from './linux.js';
import { SLOTS, type MessageSlab } from './message-slab.js';
import type { AddressBook } from './address-book.js';
import { SystemError } from './system-error.js';

/** What a {@link BatchSender} needs of its socket. */
export interface SenderParts {
  readonly libc: Libc;
  readonly descriptor: Descriptor;
  readonly slab: MessageSlab;
  readonly peers: AddressBook;
  /** The kernel has no room: {@link BatchSender.flush} is to be called when it has. */
  readonly onFull: () => void;
}

/**
 * Moves what is to leave into the kernel, up to 64 messages with one call; datagrams of one size that follow each
 * other to one peer are one message, which the kernel cuts (`UDP_SEGMENT`).
 */
export class BatchSender {
  /** Whether the socket is connected: then messages carry no address. */
  isConnected = false;
  #waiting: OutgoingDatagram[] = [];
  #isFull = false;
  /** Datagrams above this size are not left to the kernel to cut; 0 when none are. */
  #largestSegment: number;
  /** A message of several datagrams was refused; so many of these are still to be sent one by one. */
  #trial: { readonly size: number; readonly errno: number; left: number } | undefined;
  /** What is written at a time: few where the kernel has little room, for what it does not take is written again. */
  #mostMessages = SLOTS;
  /** Of the address that was written last. */
  #nameBytes = 0;
  /** Datagrams of each message in the slab. */
  readonly #counts = new Uint8Array(SLOTS);

  constructor(private readonly parts: SenderParts) {
    this.#largestSegment = parts.descriptor.canSegment() ? LARGEST_RUN_BYTES : 0;
  }

  add(batch: readonly OutgoingDatagram[]): void {
    for (const datagram of batch) this.#waiting.push(datagram);
  }

  /** Hands over what the kernel takes. What it has no room for stays. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const taken = this.#waiting;
    this.#waiting = [];
    this.#isFull = false;
    const fates: Fates = [];
    const sent = this.#sendAll(taken, fates);
    if (sent < taken.length) this.#waiting = taken.slice(sent);
    if (this.#isFull) this.parts.onFull();
    // Last of all, when the slab is free: whoever is told may send, or close.
    for (let index = 0; index < sent; index++) tell(taken[index] as OutgoingDatagram, fates[index]);
  }

  /** Drops what is left. */
  close(): void {
    const left = this.#waiting;
    this.#waiting = [];
    for (const datagram of left) tell(datagram, new EndpointClosedError());
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the kernel had no room for what waits. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** @param fates gets the errors, by index @returns how many datagrams have met theirs */
  #sendAll(datagrams: readonly OutgoingDatagram[], fates: Fates): number {
    let next = 0;
    while (next < datagrams.length && !this.#isFull) next = this.#sendSlab(datagrams, next, fates);
    return next;
  }

  /** Fills the slab once and sends it. @returns the index of the first datagram that has not met its fate */
  #sendSlab(datagrams: readonly OutgoingDatagram[], first: number, fates: Fates): number {
    const { libc, descriptor, slab } = this.parts;
    const messages = this.#fill(datagrams, first, fates);
    let next = first;
    for (let message = 0; message < messages;) {
      const count = messages - message;
      const sent = libc.sendmmsg(descriptor.fd, slab.headerAt(message), count, MSG_DONTWAIT);
      if (sent > 0) {
        this.#endTrial();
        for (const end = message + sent; message < end; message++) next += this.#counts[message] as number;
        continue;
      }
      // A call that stops in the middle does not say why: the same message, now the first, has just told it.
      const errno = libc.errno();
      if (errno === EINTR) continue;
      if (errno === EAGAIN) {
        this.#isFull = true;
        this.#mostMessages = Math.max(1, Math.min(SLOTS, 2 * message));
        return next;
      }
      const failed = datagrams[next] as OutgoingDatagram;
      const { peer } = failed;
      const run = this.#counts[message++] as number;
      if (run > 1 && MAY_NOT_CUT.has(errno)) {
        this.#trial = { size: sizeOf(failed), errno, left: run };
        return next;
      }
      if (this.#trial !== undefined && --this.#trial.left === 0) this.#trial = undefined;
      // Of a connected socket, what its peer has answered to an earlier datagram: it is told of one, once.
      if (this.isConnected && run > 1) {
        fates[next] = new SystemError('sendmmsg', errno, peer.key);
        return next + 1;
      }
      const error = new SystemError('sendmmsg', errno, peer.key);
      for (const end = next + run; next < end; next++) fates[next] = error;
    }
    this.#mostMessages = Math.min(SLOTS, 2 * this.#mostMessages);
    // What could not be written into the slab has its error already, and stands at the end of what was.
    return this.#skipFailed(datagrams, next, fates);
  }

  /** @returns how many messages stand in the slab */
  #fill(datagrams: readonly OutgoingDatagram[], first: number, fates: Fates): number {
    const { slab } = this.parts;
    const most = Math.min(this.#mostMessages, this.#trial?.left ?? SLOTS);
    let messages = 0;
    for (let next = first; next < datagrams.length && messages < most; messages++) {
      const head = datagrams[next] as OutgoingDatagram;
      const begin = messages * slab.slotStep;
      const problem = this.#problemWith(head, messages) ?? this.#write(head, begin);
      if (problem !== undefined) {
        fates[next] = problem;
        return messages;
      }
      const size = sizeOf(head);
      const end = next + this.#runLength(datagrams, next);
      let bytes = size;
      let count = 1;
      for (next++; next < end; next++) {
        const datagram = datagrams[next] as OutgoingDatagram;
        // One that cannot be written is told so when it would be the first of a message.
        if (this.#write(datagram, begin + bytes) !== undefined) break;
        bytes += sizeOf(datagram);
        count++;
      }
      this.#counts[messages] = count;
      slab.address(messages, this.#nameBytes, bytes, count > 1 ? size : 0);
    }
    return messages;
  }

  /** Writes a datagram into the slab. @returns why it could not be written */
  #write(datagram: OutgoingDatagram, at: number): Error | undefined {
    const { payloads } = this.parts.slab;
    try {
      if (datagram.lazy === undefined) payloads.set(datagram.data, at);
      else datagram.lazy.writeTo(payloads, at);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error('bytes that cannot be written', { cause: error });
    }
  }

  /** Writes to whom a message goes. @returns why it cannot be sent at all */
  #problemWith(datagram: OutgoingDatagram, message: number): SystemError | undefined {
    const { peers, slab } = this.parts;
    const { peer } = datagram;
    if (sizeOf(datagram) > slab.slotBytes) return new SystemError('sendmmsg', EMSGSIZE, peer.key);
    this.#nameBytes = 0;
    if (this.isConnected) return undefined;
    try {
      this.#nameBytes = peers.writeName(peer, slab, message);
      return undefined;
    } catch (error) {
      return error as SystemError;
    }
  }

  /** How many datagrams from here on can be one message: of one size, the last perhaps smaller, to one peer. */
  #runLength(datagrams: readonly OutgoingDatagram[], first: number): number {
    const head = datagrams[first] as OutgoingDatagram;
    const { peer } = head;
    const size = sizeOf(head);
    if (size === 0 || size > this.#largestSegment || this.#trial !== undefined) return 1;
    const most = Math.min(MAX_SEGMENTS, Math.floor(LARGEST_RUN_BYTES / size), datagrams.length - first);
    let count = 1;
    while (count < most) {
      const next = datagrams[first + count] as OutgoingDatagram;
      const nextSize = sizeOf(next);
      if (next.peer !== peer || nextSize > size || nextSize === 0) break;
      count++;
      if (nextSize < size) break;
    }
    return count;
  }

  /** What was refused in one piece leaves one by one: such datagrams are not left to the kernel any more. */
  #endTrial(): void {
    if (this.#trial === undefined) return;
    const { size, errno } = this.#trial;
    this.#trial = undefined;
    // A narrow path takes smaller ones; what no path is too narrow for is refused by the kernel.
    const isTooLarge = errno !== EIO && size > LEAST_PATH_PAYLOAD;
    this.#largestSegment = isTooLarge ? Math.min(USUAL_SEGMENT, size - 1) : 0;
  }

  #skipFailed(datagrams: readonly OutgoingDatagram[], first: number, fates: Readonly<Fates>): number {
    let next = first;
    while (next < datagrams.length && fates[next] !== undefined) next++;
    return next;
  }
}

/** Errors of datagrams, by index. */
type Fates = (Error | undefined)[];

function sizeOf(datagram: OutgoingDatagram): number {
  return (datagram.lazy ?? datagram.data).length;
}

const { EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE } = constants.errno;

/** What the kernel says of a message that it cannot cut, or that its device cannot: of any other one, too. */
const MAY_NOT_CUT: ReadonlySet<number> = new Set([EINVAL, EIO, EMSGSIZE]);

// What one message may hold: a datagram's worth of bytes, and so many pieces (udp(7), UDP_SEGMENT; UDP_MAX_SEGMENTS).
const LARGEST_RUN_BYTES = 65_507;
const MAX_SEGMENTS = 64;

// Ethernet's 1500 bytes less 40 of IPv6 and 8 of UDP header: larger ones would have to be fragmented first.
const USUAL_SEGMENT = 1452;

// What every IPv4 host takes, 576 bytes (RFC 791 section 3.1), less 20 of IP and 8 of UDP header.
const LEAST_PATH_PAYLOAD = 548;
