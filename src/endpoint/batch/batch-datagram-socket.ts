import type { PeerAddress } from '../../common/peer-address.js';
import type { BoundAddress } from '../../telemetry/stats.js';
import type {
  DatagramSocket,
  DatagramSocketEvents,
  OutgoingDatagram,
  ReceivedDatagram,
} from '../datagram-socket.js';
import { EndpointClosedError } from '../endpoint.errors.js';
import { PortionFeed } from '../portion-feed.js';
import type { SocketOptions } from '../socket.options.js';
import { TURN_MS } from '../turn.js';
import { BatchReceiver } from './batch-receiver.js';
import { BatchSender } from './batch-sender.js';
import { Descriptor } from './descriptor.js';
import type { Interest, Libc, Poll, PollListener } from './libc.js';
import { SLOTS } from './message-slab.js';
import type { ThreadMemory } from './thread-memory.js';

/**
 * {@link DatagramSocket} on `recvmmsg` and `sendmmsg`: up to 64 datagrams with one system call.
 *
 * The event loop tells when the socket is readable; what is there then is read in the same turn. What is sent leaves
 * when the handlers that run now have come to rest: one reply at once, those to a batch together.
 */
export class BatchDatagramSocket implements DatagramSocket {
  readonly driver = 'batch';
  readonly wantsLazyBytes = true;
  readonly #descriptor: Descriptor;
  readonly #sender: BatchSender;
  readonly #receiver: BatchReceiver;
  readonly #feed: PortionFeed;
  #poll: Poll | undefined;
  #isTurnAhead = false;
  #hasRoom = false;
  #isUnwatched = false;
  #isFlushAhead = false;
  #flushesInTurn = 0;
  /** Of the turn: datagrams that may still be read, and when it is over. */
  #datagramsLeft = 0;
  #turnEndMs = 0;
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  /** @throws {SystemError} the kernel gives no socket */
  constructor(
    private readonly libc: Libc,
    memory: ThreadMemory,
    options: SocketOptions,
    private readonly events: DatagramSocketEvents,
  ) {
    this.#descriptor = new Descriptor(libc, options);
    const parts = { libc, descriptor: this.#descriptor, peers: memory.peersOf(this.#descriptor.family) };
    this.#receiver = new BatchReceiver({ ...parts, slab: memory.incoming });
    this.#feed = new PortionFeed(events, (datagrams) => this.#endBatch(datagrams));
    this.#sender = new BatchSender({
      ...parts,
      slab: memory.outgoing,
      // What comes while it closes is not read any more: it would be told of again and again.
      onFull: () => this.#watch(this.#closing === undefined ? READ_AND_WRITE : WRITE),
    });
  }

  async bind(address: string, port: number): Promise<BoundAddress> {
    try {
      const bound = this.#descriptor.bind(address, port);
      this.#poll = this.libc.poll(this.#descriptor.fd, READ, this.#onPoll);
      return bound;
    } catch (error) {
      this.#descriptor.close();
      throw error;
    }
  }

  async connect(peer: PeerAddress): Promise<void> {
    this.#descriptor.connect(peer);
    this.#sender.isConnected = true;
  }

  send(batch: readonly OutgoingDatagram[]): void {
    if (this.#closing !== undefined) {
      for (const datagram of batch) datagram.done(new EndpointClosedError());
      return;
    }
    this.#sender.add(batch);
    this.#flushLater();
  }

  bufferSizes(): { recv: number; send: number } {
    return this.#descriptor.bufferSizes();
  }

  close(): Promise<void> {
    // Later, but at once known: nothing more is taken, also from those who are told of what leaves now.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    this.#feed.stop();
    return this.#closing;
  }

  /** Its number in the kernel; -1 when it is closed. */
  unwrap(): { readonly fd: number } {
    return { fd: this.#descriptor.fd };
  }

  /**
   * The kernel has something for us, or room. Runs outside of what Node takes for a turn, where promises would wait
   * for the next one: so the work is done right behind, where this turn's immediates are.
   */
  readonly #onPoll: PollListener = (status, { writable }): void => {
    // An error of the socket's ends the watch. Reading tells what it was.
    this.#isUnwatched ||= status < 0;
    this.#hasRoom ||= writable;
    if (this.#isTurnAhead) return;
    this.#isTurnAhead = true;
    setImmediate(this.#takeTurn);
  };

  readonly #takeTurn = (): void => {
    this.#isTurnAhead = false;
    this.#flushesInTurn = 0;
    this.#datagramsLeft = DATAGRAMS_IN_TURN;
    this.#turnEndMs = performance.now() + TURN_MS;
    try {
      // After an error that nobody has caught, what was read before may still be in hand: Node goes on with it later.
      if (this.#closing === undefined && this.#feed.inHand === 0) this.#read();
    } finally {
      if (this.#hasRoom || this.#isUnwatched) this.#watchOn();
    }
  };

  #watchOn(): void {
    const isUnwatched = this.#isUnwatched;
    this.#hasRoom = this.#isUnwatched = false;
    // What waits for room is tried again, and watches for what it needs then.
    if (this.#sender.isFull) this.#flush();
    else if (isUnwatched) this.#watch(READ);
  }

  #read(): void {
    let batch: readonly ReceivedDatagram[];
    try {
      batch = this.#receiver.receive(this.#datagramsLeft);
    } catch (error) {
      return this.events.onError(error as Error);
    }
    if (batch.length > 0) this.#feed.begin(batch);
  }

  #endBatch(datagrams: number): void {
    this.#flush();
    this.#datagramsLeft -= datagrams;
    // Should more have come since the queue was emptied, or the turn be spent, the event loop tells again.
    if (this.#receiver.isDrained || this.#datagramsLeft < SLOTS) return;
    if (performance.now() < this.#turnEndMs && this.#closing === undefined) this.#read();
  }

  /** Behind all promises that are ready now: handlers that only compute have answered by then. */
  #flushLater(): void {
    // What answers a batch leaves in two parts: the peer works on the first while the second is made. In one, each
    // side waits for the other: where 32 requests are under way, a third more of them are answered so.
    // Merged ones are several times as many, and leave in more parts.
    const inHand = Math.min(this.#feed.inHand, SLOTS);
    if (inHand > 0 && this.#sender.waiting < Math.max(LEAST_PART, inHand / 2)) return;
    if (this.#isFlushAhead || this.#sender.isFull) return;
    this.#isFlushAhead = true;
    // Whoever sends again whenever something has left would never let the event loop go on.
    if (++this.#flushesInTurn <= FLUSHES_IN_TURN) return process.nextTick(this.#flushNow);
    this.#flushesInTurn = 0;
    setImmediate(this.#flushNow);
  }

  /** As it was arranged; others flush without it, and another one is not to be arranged meanwhile. */
  readonly #flushNow = (): void => {
    this.#isFlushAhead = false;
    this.#flush();
  };

  #flush(): void {
    const wasFull = this.#sender.isFull;
    this.#sender.flush();
    if (this.#sender.isFull) return;
    if (wasFull && this.#closing === undefined) this.#watch(READ);
    if (this.#sender.waiting === 0) this.#onEmpty?.();
  }

  #watch(interest: Interest): void {
    if (this.#descriptor.fd >= 0) this.#poll?.start(interest, this.#onPoll);
  }

  async #close(): Promise<void> {
    this.#flush();
    await this.#empty();
    this.#poll?.close();
    this.#poll = undefined;
    this.#descriptor.close();
    this.#sender.close();
  }

  /** Resolves when the kernel has everything, or after a second: then it will not take it any more. */
  async #empty(): Promise<void> {
    if (this.#sender.waiting === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LONGEST_FLUSH_MS);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const READ: Interest = { readable: true, writable: false };
const READ_AND_WRITE: Interest = { readable: true, writable: true };
const WRITE: Interest = { readable: false, writable: true };

// About 2 ms of handlers that only compute.
const DATAGRAMS_IN_TURN = 256;

// A call costs as much as three datagrams do in it.
const LEAST_PART = 16;

const FLUSHES_IN_TURN = 256;

const LONGEST_FLUSH_MS = 1000;
