import { expect } from '@jest/globals';
import type { Libc } from '../../../src/endpoint/batch/libc.js';
import {
  AF_INET,
  CMSG,
  IOVEC,
  MMSGHDR,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOL_UDP,
  UDP_GRO,
} from '../../../src/endpoint/batch/linux.js';

/** A message as the kernel finds it behind the pointers of a `struct mmsghdr`. */
export interface SeenMessage {
  /** Last byte of the IPv4 address, and port; `undefined` where the message carries none. */
  readonly to: string | undefined;
  readonly payload: string;
  /** Bytes of each piece; 0 where it is not cut. */
  readonly segment: number;
}

/** A message that waits in the kernel. */
export interface ArrivingMessage {
  /** Last byte of the IPv4 address. */
  readonly from: number;
  readonly payload: string;
  /** Bytes of each of the datagrams that it is made of, in a control message. */
  readonly merged?: number;
  /** Of the control message. @default SOL_UDP */
  readonly level?: number;
  readonly flags?: number;
}

/** What a call answers: how many messages were taken, or the number of an error below 0. */
export type Reply = (messages: readonly SeenMessage[]) => number;

/**
 * Memory with addresses, and calls that read it as the kernel does: no real pointer is needed to see what would be
 * sent.
 */
export class FakeKernel {
  readonly calls: (readonly SeenMessage[])[] = [];
  /** What the next `recvmmsg` brings, or the number of an error below 0. */
  arriving: readonly ArrivingMessage[] | number = [];
  /** How many messages each `recvmmsg` had room for. */
  readonly asked: number[] = [];
  readonly #buffers: { readonly base: bigint; readonly buffer: ArrayBuffer }[] = [];
  #next = 0x10_0000n;
  #errno = 0;

  /** @param answer of `sendmmsg` @param others of the calls, where a test needs them */
  libc(answer: Reply, others: Partial<Libc> = {}): Libc {
    return {
      addressOf: (buffer: ArrayBuffer) => this.#place(buffer),
      errno: () => this.#errno,
      setsockopt: () => 0,
      inet_pton: (_family: number, text: string, address: Uint8Array) => {
        if (text.includes(':')) return 0;
        address.set(text.split('.').map(Number));
        return 1;
      },
      sendmmsg: (_fd: number, messages: bigint, count: number) => {
        const seen = Array.from({ length: count }, (_, index) =>
          this.#read(messages + BigInt(index * MMSGHDR.size)),
        );
        this.calls.push(seen);
        return this.#result(answer(seen));
      },
      recvmmsg: (_fd: number, messages: bigint, count: number) => {
        this.asked.push(count);
        const { arriving } = this;
        if (typeof arriving === 'number') return this.#result(arriving);
        const taken = arriving.slice(0, count);
        taken.forEach((message, index) => this.#write(messages + BigInt(index * MMSGHDR.size), message));
        return taken.length;
      },
      ...others,
    } as Libc;
  }

  #result(value: number): number {
    if (value >= 0) return value;
    this.#errno = -value;
    return -1;
  }

  #place(buffer: ArrayBuffer): bigint {
    const base = this.#next;
    this.#buffers.push({ base, buffer });
    this.#next += BigInt(Math.ceil(buffer.byteLength / 4096) * 4096 + 4096);
    return base;
  }

  #at(address: bigint, bytes: number): DataView {
    for (const { base, buffer } of this.#buffers) {
      const offset = Number(address - base);
      if (offset >= 0 && offset + bytes <= buffer.byteLength) return new DataView(buffer, offset, bytes);
    }
    throw new Error(`${bytes} bytes at ${address} belong to nobody: the kernel would say EFAULT, or worse`);
  }

  /** As the kernel does, which trusts what the header says of the room there is. */
  #write(address: bigint, { from, payload, merged, level = SOL_UDP, flags = 0 }: ArrivingMessage): void {
    const header = this.#at(address, MMSGHDR.size);
    const pointer = (field: number): bigint => header.getBigUint64(field, true);
    expect(header.getUint32(MMSGHDR.nameLength, true)).toBe(SOCKADDR_IN6.size);
    expect(header.getUint32(MMSGHDR.flags, true)).toBe(0);
    const name = this.#at(pointer(MMSGHDR.name), SOCKADDR_IN.size);
    name.setUint16(SOCKADDR_IN.family, AF_INET, true);
    name.setUint16(SOCKADDR_IN.port, 7000 + from);
    name.setUint32(SOCKADDR_IN.address, 0x0a00_0000 + from);
    header.setUint32(MMSGHDR.nameLength, SOCKADDR_IN.size, true);
    const iov = this.#at(pointer(MMSGHDR.iov), IOVEC.size);
    const bytes = Buffer.from(payload, 'latin1');
    expect(Number(iov.getBigUint64(IOVEC.length, true))).toBeGreaterThanOrEqual(bytes.length);
    const room = this.#at(iov.getBigUint64(IOVEC.base, true), bytes.length);
    bytes.forEach((byte, index) => room.setUint8(index, byte));
    header.setUint32(MMSGHDR.bytes, bytes.length, true);
    header.setUint32(MMSGHDR.flags, flags, true);
    const controlBytes = header.getUint32(MMSGHDR.controlLength, true);
    header.setUint32(MMSGHDR.controlLength, merged === undefined ? 0 : CMSG.size, true);
    if (merged === undefined) return;
    expect(controlBytes).toBe(CMSG.size);
    const control = this.#at(pointer(MMSGHDR.control), controlBytes);
    control.setBigUint64(CMSG.length, BigInt(CMSG.lengthWithInt), true);
    control.setInt32(CMSG.level, level, true);
    control.setInt32(CMSG.type, UDP_GRO, true);
    control.setInt32(CMSG.data, merged, true);
  }

  #read(address: bigint): SeenMessage {
    const header = this.#at(address, MMSGHDR.size);
    const pointer = (field: number): bigint => header.getBigUint64(field, true);
    const nameBytes = header.getUint32(MMSGHDR.nameLength, true);
    const name = nameBytes === 0 ? undefined : this.#at(pointer(MMSGHDR.name), nameBytes);
    const iov = this.#at(pointer(MMSGHDR.iov), IOVEC.size);
    const length = Number(iov.getBigUint64(IOVEC.length, true));
    const payload = this.#at(iov.getBigUint64(IOVEC.base, true), length);
    const controlBytes = header.getUint32(MMSGHDR.controlLength, true);
    const control = controlBytes === 0 ? undefined : this.#at(pointer(MMSGHDR.control), controlBytes);
    return {
      to: name && `${name.getUint8(SOCKADDR_IN.address + 3)}:${name.getUint16(SOCKADDR_IN.port)}`,
      payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1'),
      segment: control?.getUint16(CMSG.data, true) ?? 0,
    };
  }
}
