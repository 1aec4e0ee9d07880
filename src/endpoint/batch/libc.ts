/**
 * The calls of the C library that the batch driver makes, by their names there. Numbers below 0 are failures, and
 * `errno()` tells which. Everything of the foreign function interface stands in this file.
 */
export interface Libc {
  /** Where the bytes of a buffer are, for as long as somebody holds that buffer: whoever keeps the one keeps the other. */
  addressOf(buffer: ArrayBuffer): bigint;
  /** Why the last call failed; to be asked before the next one. */
  errno(): number;

  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  close(fd: number): number;

  /** @param messages address of an array of `struct mmsghdr` */
  recvmmsg(fd: number, messages: bigint, count: number, flags: number, timeout: bigint): number;
  /** @param messages address of an array of `struct mmsghdr` */
  sendmmsg(fd: number, messages: bigint, count: number, flags: number): number;

  /** @returns 1 where the text is an address of that family */
  inet_pton(family: number, text: string, address: Uint8Array): number;
  inet_ntop(family: number, address: Uint8Array, text: Uint8Array, size: number): bigint | null;
  /** @returns 0 where there is no such interface */
  if_nametoindex(name: string): number;
  if_indextoname(index: number, name: Uint8Array): bigint | null;

  /**
   * Watches a descriptor in the event loop of this thread. What is called must only note what it hears: it runs
   * outside of any turn that Node knows of.
   */
  poll(fd: number, interest: Interest, onEvent: PollListener): Poll;
}

/** What a descriptor is watched for. */
export interface Interest {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** @param status below 0 where the descriptor has an error that waits to be read; then the watch has ended */
export type PollListener = (status: number, ready: Interest) => void;

export interface Poll {
  start(interest: Interest, onEvent: PollListener): void;
  /** Must come before the descriptor is closed. */
  close(): void;
}

let loading: Promise<Libc> | undefined;

/** @throws whatever keeps koffi from being loaded, or from finding the calls */
export function loadLibc(): Promise<Libc> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const c = koffi.load(null);
  const { node } = koffi;
  if (typeof node?.poll !== 'function') throw new Error(`koffi ${koffi.version} cannot watch descriptors`);
  const declare = <F>(prototype: string): F => c.func(prototype) as F;
  return {
    addressOf: (buffer) => koffi.address(buffer),
    errno: () => koffi.errno(),
    socket: declare('int socket(int, int, int)'),
    bind: declare('int bind(int, void *, uint32_t)'),
    connect: declare('int connect(int, void *, uint32_t)'),
    getsockname: declare('int getsockname(int, void *, void *)'),
    setsockopt: declare('int setsockopt(int, int, int, void *, uint32_t)'),
    getsockopt: declare('int getsockopt(int, int, int, void *, void *)'),
    close: declare('int close(int)'),
    recvmmsg: declare('int recvmmsg(int, uintptr_t, uint32_t, int, uintptr_t)'),
    sendmmsg: declare('int sendmmsg(int, uintptr_t, uint32_t, int)'),
    inet_pton: declare('int inet_pton(int, str, void *)'),
    inet_ntop: declare('void *inet_ntop(int, void *, void *, uint32_t)'),
    if_nametoindex: declare('uint32_t if_nametoindex(str)'),
    if_indextoname: declare('void *if_indextoname(uint32_t, void *)'),
    poll: (fd, interest, onEvent) => node.poll(fd, interest, onEvent as never) as unknown as Poll,
  };
}
