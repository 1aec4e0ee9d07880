import { Fifo } from '../common/fifo.js';

/** A request that was seen. Fields without `readonly` are the store's own. */
export interface StoredRequest {
  /** Client instance and id. */
  readonly key: string;
  /** When its first copy arrived, monotonic milliseconds. */
  readonly arrivedMs: number;
  /** Whether it came from an address that has proved itself; others share a small part of the room. */
  readonly isValidated: boolean;
  /** Its reply, to be said again; `undefined` before there is one, and when that was evicted. */
  body: Uint8Array | undefined;
  /** When its handler was done; `undefined` while it runs. */
  finishedMs: number | undefined;
}

export interface DuplicateLimits {
  /** Bytes of stored replies. */
  readonly maxBytes: number;
  /** Requests that are remembered. */
  readonly maxEntries: number;
  /** Milliseconds after its end until a request is forgotten. */
  readonly maxAgeMs: number;
}

/**
 * Remembers requests, so that none runs twice: those that run, replies of those that have, and, when room gets
 * short, of the oldest only that they were here.
 *
 * Once ids were forgotten early, for want of entries, a repeated request that might be one of them is told from
 * a new one by its age: see {@link mayHaveRun}.
 */
export class DuplicateStore<R extends StoredRequest> {
  readonly #byKey = new Map<string, R>();
  readonly #proved: Partition<R>;
  readonly #others: Partition<R>;
  /** The latest arrival of a request that was forgotten. */
  #forgottenMs = -Infinity;

  /** @param epoch the life of this server, never 0 */
  constructor(
    private readonly limits: DuplicateLimits,
    readonly epoch: number,
  ) {
    const { maxBytes, maxEntries } = limits;
    this.#proved = new Partition(maxBytes, maxEntries);
    this.#others = new Partition(maxBytes * SHARE_OF_OTHERS, Math.ceil(maxEntries * SHARE_OF_OTHERS));
  }

  find(key: string): R | undefined {
    return this.#byKey.get(key);
  }

  /**
   * Whether a request that is not in the store may have run all the same: in an earlier life of this server, or
   * so long ago that it was forgotten.
   *
   * @param ageMs since its first copy was sent, as the client says; 0 in first copies, which have not run
   * @param epoch the life of the server that the client knew when it sent the first copy; 0 for none
   */
  mayHaveRun(ageMs: number, epoch: number, nowMs: number): boolean {
    if (ageMs === 0) return false;
    if (epoch !== 0 && epoch !== this.epoch) return true;
    return nowMs - ageMs - LONGEST_TRAVEL_MS <= this.#forgottenMs;
  }

  /**
   * Adds a request. Where there is no room, one of a proven address pushes out the oldest that has ended; one of any
   * other address pushes out nothing: what is remembered must not depend on those who forge addresses.
   *
   * @returns false when there is no room: this one was not added, and must not run
   */
  add(request: R): boolean {
    const partition = this.#partitionOf(request);
    if (!request.isValidated && partition.isFull) return false;
    if (partition.entries >= partition.maxEntries && !this.#forgetOldest(partition)) return false;
    partition.entries++;
    this.#byKey.set(request.key, request);
    return true;
  }

  /** Keeps a reply, in place of one that was kept before. */
  keep(request: R, body: Uint8Array): void {
    if (this.#byKey.get(request.key) !== request) return;
    const partition = this.#partitionOf(request);
    if (request.body === undefined) partition.bodies.push(request);
    else partition.bytes -= request.body.length;
    request.body = body;
    partition.bytes += body.length;
    while (partition.bytes > partition.maxBytes) if (!partition.evictBody()) break;
  }

  /** The handler is done: from now on the request ages. */
  finish(request: R, nowMs: number): void {
    if (request.finishedMs !== undefined || this.#byKey.get(request.key) !== request) return;
    request.finishedMs = nowMs;
    this.#partitionOf(request).finished.push(request);
  }

  /** Drops the reply of a request, which the client has, and goes on remembering its id. */
  dropBody(request: R): void {
    if (request.body === undefined) return;
    this.#partitionOf(request).bytes -= request.body.length;
    request.body = undefined;
  }

  /** Takes out a request that has not run, as if it had never come. */
  revoke(request: R): void {
    if (this.#byKey.get(request.key) !== request) return;
    this.#byKey.delete(request.key);
    this.dropBody(request);
    this.#partitionOf(request).entries--;
  }

  /** Forgets requests whose time is up. */
  expire(nowMs: number): void {
    for (const partition of [this.#proved, this.#others]) {
      for (let head = partition.oldest; head !== undefined; head = partition.oldest) {
        if ((head.finishedMs ?? Infinity) + this.limits.maxAgeMs > nowMs) break;
        this.#forgetOldest(partition);
      }
    }
  }

  /** When `expire` will next have something; `Infinity` for never. */
  get nextExpiryMs(): number {
    const proved = this.#proved.oldest?.finishedMs ?? Infinity;
    const others = this.#others.oldest?.finishedMs ?? Infinity;
    return Math.min(proved, others) + this.limits.maxAgeMs;
  }

  /** Requests that are remembered. */
  get entries(): number {
    return this.#byKey.size;
  }

  /** Bytes of stored replies. */
  get bytes(): number {
    return this.#proved.bytes + this.#others.bytes;
  }

  values(): IterableIterator<R> {
    return this.#byKey.values();
  }

  #forgetOldest(partition: Partition<R>): boolean {
    const request = partition.oldest;
    if (request === undefined) return false;
    partition.finished.shift();
    partition.entries--;
    this.dropBody(request);
    partition.skipDropped();
    this.#byKey.delete(request.key);
    this.#forgottenMs = Math.max(this.#forgottenMs, request.arrivedMs);
    return true;
  }

  #partitionOf({ isValidated }: R): Partition<R> {
    return isValidated ? this.#proved : this.#others;
  }
}

/** The room of one kind of peers. */
class Partition<R extends StoredRequest> {
  bytes = 0;
  entries = 0;
  /** In the order in which they ended. */
  readonly finished = new Fifo<R>();
  /** In the order in which their replies came. */
  readonly bodies = new Fifo<R>();

  constructor(
    readonly maxBytes: number,
    readonly maxEntries: number,
  ) {}

  /** Half of the bytes are left for those that are in already. */
  get isFull(): boolean {
    return this.entries >= this.maxEntries || this.bytes > this.maxBytes / 2;
  }

  /** The one that ended first. */
  get oldest(): R | undefined {
    return this.finished.peek();
  }

  /** Lets go of requests at the head of the line whose replies are gone. */
  skipDropped(): void {
    for (
      let head = this.bodies.peek();
      head !== undefined && head.body === undefined;
      head = this.bodies.peek()
    ) {
      this.bodies.shift();
    }
  }

  /** Drops the oldest reply that is still there. @returns false when there is none */
  evictBody(): boolean {
    for (let request = this.bodies.shift(); request !== undefined; request = this.bodies.shift()) {
      if (request.body === undefined) continue;
      this.bytes -= request.body.length;
      request.body = undefined;
      return true;
    }
    return false;
  }
}

// Strangers must not push out what those remember who have proved themselves.
const SHARE_OF_OTHERS = 1 / 16;

// How much longer a later copy may have been on its way than the first one.
const LONGEST_TRAVEL_MS = 2000;
