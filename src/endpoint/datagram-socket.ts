import type { PeerAddress } from '../common/peer-address.js';
import type { BoundAddress } from '../telemetry/stats.js';
import type { SocketOptions } from './socket.options.js';

/** A datagram as it came from the kernel. */
export interface ReceivedDatagram {
  /** The payload, 0 to 65507 bytes; the receiver may keep it, so a driver that reads into one arena copies. */
  readonly data: Buffer;
  readonly peer: PeerAddress;
  /** Whether its end is missing: there was no room for more. */
  readonly isTruncated?: boolean;
}

/** Bytes that nobody has written yet. */
export interface LazyBytes {
  readonly length: number;
  /** Writes all of them. @throws what keeps them from being written: this datagram fails, and no other */
  writeTo(target: Buffer, at: number): void;
  /** They, in memory of their own. */
  toBytes(): Uint8Array;
}

/** A datagram on its way to the kernel. */
export interface OutgoingDatagram {
  /** The payload, 0 to 65507 bytes; must not change until `done` is called. */
  readonly data: Uint8Array;
  /** Writes what `data` would be, and is not read then: only where the socket {@link DatagramSocket.wantsLazyBytes}. */
  readonly lazy?: LazyBytes | undefined;
  readonly peer: PeerAddress;
  /** Called exactly once, also when the socket closes first. @param error missing when the kernel has it */
  done(error?: Error): void;
}

/** What a socket tells its owner. */
export interface DatagramSocketEvents {
  /** Datagrams in the order of arrival; at least one. */
  onDatagrams(batch: readonly ReceivedDatagram[]): void;
  /** Something went wrong that belongs to no datagram. */
  onError(error: Error): void;
}

/**
 * The seam to the kernel. It takes and gives batches, so that a driver that moves many datagrams with one
 * system call fits in; a batch of one is fine.
 */
export interface DatagramSocket {
  /** Short name of the implementation, for figures. */
  readonly driver: string;
  /** Why it is this one, where a faster one might be expected. */
  readonly driverReason?: string;
  /**
   * Whether it has memory of its own to write datagrams into, so that they need none before. One that stands before
   * another, and changes what is sent, says so only if it does that to `lazy` too.
   */
  readonly wantsLazyBytes?: boolean;

  /**
   * Opens the socket. Called once, before anything else.
   *
   * @param address literal IP address
   * @throws the kernel's error
   */
  bind(address: string, port: number): Promise<BoundAddress>;

  /** Lets the kernel pass datagrams of this peer alone, and report that nobody listens there. */
  connect(peer: PeerAddress): Promise<void>;

  /** Hands datagrams to the kernel, in order. Never throws: each `done` tells. */
  send(batch: readonly OutgoingDatagram[]): void;

  /** Effective buffer sizes in bytes, as the kernel reports them. */
  bufferSizes(): { readonly recv: number; readonly send: number };

  /** Waits for the kernel to have what was sent, then closes. Callable twice. */
  close(): Promise<void>;

  /** What is behind this one: a `dgram.Socket` for the node driver, `{ fd }` for the batch driver. */
  unwrap(): unknown;
}

/** @throws what keeps a socket from being made */
export type DatagramSocketFactory = (
  options: SocketOptions,
  events: DatagramSocketEvents,
) => DatagramSocket | Promise<DatagramSocket>;
