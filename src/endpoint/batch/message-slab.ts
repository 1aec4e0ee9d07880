import type { Libc } from './libc.js';
import { CMSG, IOVEC, MMSGHDR, SOCKADDR_IN6, SOL_UDP, UDP_GRO, UDP_SEGMENT } from './linux.js';

/**
 * Memory for the messages of one system call: headers, addresses, control messages and payloads, laid out once. The
 * kernel reads and writes it by address, so nothing here is ever moved, and no address depends on what peers send.
 *
 * A message has a slot of `slotBytes` and room for one address. What is in it is good until the next call: whoever
 * wants to keep it copies.
 */
export class MessageSlab {
  /** The payloads, slot by slot. */
  readonly payloads: Buffer;
  /** The addresses, {@link NAME_BYTES} for each message. */
  readonly names: Uint8Array;
  /** The same, in words of 4 bytes. */
  readonly nameWords: Int32Array;
  /** Where the payload of a message begins in `payloads`. */
  readonly slotStep: number;

  readonly #headers: Int32Array;
  readonly #lengths: Int32Array;
  readonly #controls: Uint16Array;
  readonly #controlWords: Int32Array;
  readonly #headerAddresses: readonly bigint[];
  readonly #controlAddresses: readonly bigint[];
  readonly #headerPointers: BigUint64Array;

  /** @param slotBytes room for each payload; a test makes it small to see payloads cut */
  constructor(
    libc: Pick<Libc, 'addressOf'>,
    readonly slotBytes: number = LARGEST_PAYLOAD,
  ) {
    // One line more than a multiple of a page: slots that all begin at the same place of one share few cache lines.
    this.slotStep = Math.ceil(slotBytes / CACHE_LINE) * CACHE_LINE + CACHE_LINE;
    const payloads = new ArrayBuffer(SLOTS * this.slotStep);
    const names = new ArrayBuffer(SLOTS * NAME_BYTES);
    const headers = new ArrayBuffer(SLOTS * MMSGHDR.size);
    const lengths = new ArrayBuffer(SLOTS * IOVEC.size);
    const controls = new ArrayBuffer(SLOTS * CMSG.size);
    this.payloads = Buffer.from(payloads);
    this.names = new Uint8Array(names);
    this.nameWords = new Int32Array(names);
    this.#headers = new Int32Array(headers);
    this.#headerPointers = new BigUint64Array(headers);
    this.#lengths = new Int32Array(lengths);
    this.#controls = new Uint16Array(controls);
    this.#controlWords = new Int32Array(controls);
    const at = (buffer: ArrayBuffer, step: number): readonly bigint[] => {
      const base = libc.addressOf(buffer);
      return Array.from({ length: SLOTS }, (_, index) => base + BigInt(index * step));
    };
    this.#headerAddresses = at(headers, MMSGHDR.size);
    this.#controlAddresses = at(controls, CMSG.size);
    this.#layOut({
      names: at(names, NAME_BYTES),
      lengths: at(lengths, IOVEC.size),
      payloads: at(payloads, this.slotStep),
    });
  }

  /** Address of the header of a message, for a call that takes that one and those after it. */
  headerAt(index: number): bigint {
    return this.#headerAddresses[index] as bigint;
  }

  /** Gives the first messages, into which the kernel has written, all of their room again. */
  expectAny(count: number): void {
    for (let index = 0; index < count; index++) {
      const header = index * HEADER_WORDS;
      this.#headers[header + NAME_LENGTH] = SOCKADDR_IN6.size;
      this.#headers[header + CONTROL_LENGTH] = CMSG.size;
      this.#headers[header + FLAGS] = 0;
    }
  }

  /** Bytes of the payload that has come. */
  receivedBytes(index: number): number {
    return this.#headers[index * HEADER_WORDS + BYTES] as number;
  }

  /** Bytes of each of the datagrams that are one payload, the last perhaps shorter; 0 where it is one of its own. */
  mergedBytes(index: number): number {
    if (this.#headers[index * HEADER_WORDS + CONTROL_LENGTH] === 0) return 0;
    const control = index * CONTROL_WORDS;
    const words = this.#controlWords;
    const isMerged =
      words[control + CMSG.level / 4] === SOL_UDP && words[control + CMSG.type / 4] === UDP_GRO;
    return isMerged ? Math.max(0, words[control + CMSG.data / 4] as number) : 0;
  }

  /** What the kernel has remarked, such as `MSG_TRUNC`. */
  flagsOf(index: number): number {
    return this.#headers[index * HEADER_WORDS + FLAGS] as number;
  }

  /**
   * Writes the header of a message that leaves.
   *
   * @param nameBytes length of the address in `names`; 0 on a connected socket
   * @param payloadBytes at most `slotBytes`
   * @param segmentBytes cuts the payload into datagrams of that many bytes, the last perhaps shorter; 0 leaves it whole
   */
  address(index: number, nameBytes: number, payloadBytes: number, segmentBytes: number): void {
    if (payloadBytes > this.slotBytes) {
      throw new RangeError(`a slot holds ${this.slotBytes} bytes, got ${payloadBytes}`);
    }
    const header = index * HEADER_WORDS;
    this.#headers[header + NAME_LENGTH] = nameBytes;
    this.#lengths[index * LENGTH_WORDS + LENGTH] = payloadBytes;
    const isCut = segmentBytes > 0;
    this.#headers[header + CONTROL_LENGTH] = isCut ? CMSG.size : 0;
    if (isCut) this.#controls[index * CONTROL_HALVES + SEGMENT] = segmentBytes;
  }

  #layOut(addresses: Record<'names' | 'lengths' | 'payloads', readonly bigint[]>): void {
    const lengths = new BigUint64Array(this.#lengths.buffer);
    const controls = new Int32Array(this.#controls.buffer);
    for (let index = 0; index < SLOTS; index++) {
      const pointer = (field: number, value: bigint): void => {
        this.#headerPointers[(index * MMSGHDR.size + field) / 8] = value;
      };
      pointer(MMSGHDR.name, addresses.names[index] as bigint);
      pointer(MMSGHDR.iov, addresses.lengths[index] as bigint);
      pointer(MMSGHDR.iovCount, 1n);
      pointer(MMSGHDR.control, this.#controlAddresses[index] as bigint);
      lengths[(index * IOVEC.size + IOVEC.base) / 8] = addresses.payloads[index] as bigint;
      lengths[(index * IOVEC.size + IOVEC.length) / 8] = BigInt(this.slotBytes);
      const control = (index * CMSG.size) / 4;
      controls[control + CMSG.length / 4] = CMSG.lengthWithUint16;
      controls[control + CMSG.level / 4] = SOL_UDP;
      controls[control + CMSG.type / 4] = UDP_SEGMENT;
    }
    this.expectAny(SLOTS);
  }
}

/** Messages that one call moves. */
export const SLOTS = 64;

/** Room for the address of one message. */
export const NAME_BYTES = 32;

// What IPv6 allows without jumbograms, and some: so that nothing that can come is cut (RFC 8200 section 4.5).
export const LARGEST_PAYLOAD = 65_536;

const CACHE_LINE = 64;

const HEADER_WORDS = MMSGHDR.size / 4;
const NAME_LENGTH = MMSGHDR.nameLength / 4;
const CONTROL_LENGTH = MMSGHDR.controlLength / 4;
const FLAGS = MMSGHDR.flags / 4;
const BYTES = MMSGHDR.bytes / 4;
const LENGTH_WORDS = IOVEC.size / 4;
const LENGTH = IOVEC.length / 4;
const CONTROL_WORDS = CMSG.size / 4;
const CONTROL_HALVES = CMSG.size / 2;
const SEGMENT = CMSG.data / 2;
