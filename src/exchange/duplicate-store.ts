import type { HalfSipHash } from '../common/half-sip-hash.js';
import { FinishedRequests, type FinishedRequest } from './finished-requests.js';
import { PresentRequests, type Present } from './present-requests.js';
import { RequestKey, type WordsOf } from './request-key.js';

/** A request that was seen. */
export interface StoredRequest extends Present {
  /** Whose it is. */
  readonly client: string;
  /** Which one of theirs. */
  readonly id: string;
  /** When its first copy arrived, monotonic milliseconds. */
  readonly arrivedMs: number;
  /** Whether it came from an address that has proved itself; others share a small part of the room. */
  readonly isProven: boolean;
}

export interface DuplicateLimits {
  /** Bytes of stored replies: a whole number, up to 2 GiB. */
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
  /** Those that run, and those whose reply is about to be said again. */
  readonly #present: PresentRequests<R>;
  readonly #proved: Partition;
  readonly #others: Partition;
  /** Of the request that is asked for, or has ended. */
  readonly #key: RequestKey;
  /** The latest arrival of a request that was forgotten. */
  #forgottenMs = -Infinity;

  /**
   * @param epoch the life of this server, never 0
   * @param wordsOf how names become 128 bits
   * @param hashing with a key that nobody knows
   */
  constructor(
    private readonly limits: DuplicateLimits,
    readonly epoch: number,
    wordsOf: WordsOf,
    hashing: HalfSipHash,
  ) {
    const { maxBytes, maxEntries } = limits;
    this.#key = new RequestKey(hashing, wordsOf);
    this.#present = new PresentRequests();
    this.#proved = new Partition(maxBytes, maxEntries);
    this.#others = new Partition(
      Math.floor(maxBytes * SHARE_OF_OTHERS),
      Math.ceil(maxEntries * SHARE_OF_OTHERS),
    );
  }

  /** One that runs, or whose reply is about to be said again. */
  find(client: string, id: string): R | undefined {
    return this.#present.get(this.#key.of(client, id));
  }

  /** What is remembered of one that has ended, as copies. */
  recall(client: string, id: string): FinishedRequest | undefined {
    const key = this.#key.of(client, id);
    return this.#others.finished.get(key) ?? this.#proved.finished.get(key);
  }

  /** Whether a request that was added is known of still. */
  remembers({ client, id }: Pick<R, 'client' | 'id'>): boolean {
    const key = this.#key.of(client, id);
    const isPresent = this.#present.get(key) !== undefined;
    return isPresent || this.#others.finished.has(key) || this.#proved.finished.has(key);
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
   * @returns false when there is no room, or another of its name runs: this one was not added, and must not run
   */
  add(request: R): boolean {
    const partition = this.#partitionOf(request);
    if (!request.isProven && partition.isFull) return false;
    if (partition.entries >= partition.maxEntries && !this.#makeRoom(partition)) return false;
    if (!this.#present.add(this.#keyOf(request), request)) return false;
    partition.running++;
    return true;
  }

  /** It is over: from now on it ages. What it was is kept in short, its reply as a copy. */
  finish(request: R, ended: FinishedRequest, nowMs: number): void {
    if (!this.#present.take(request, this.#key)) return;
    const partition = this.#partitionOf(request);
    partition.running--;
    partition.finished.push(this.#key, ended, request.arrivedMs, nowMs);
  }

  /**
   * One that has ended is busy once more: {@link find} knows it until it is {@link release}d.
   *
   * @returns false when another of its name runs, for it was forgotten meanwhile
   */
  readmit(request: R): boolean {
    return this.#present.add(this.#keyOf(request), request);
  }

  release(request: R): void {
    this.#present.take(request, this.#key);
  }

  /** Takes out a request that has not run, as if it had never come. */
  revoke(request: R): void {
    if (this.#present.take(request, this.#key)) this.#partitionOf(request).running--;
  }

  /** Forgets requests whose time is up. */
  expire(nowMs: number): void {
    for (const partition of [this.#proved, this.#others]) {
      while (partition.finished.firstEndedMs + this.limits.maxAgeMs <= nowMs) this.#forgetOldest(partition);
    }
  }

  /** When `expire` will next have something; `Infinity` for never. */
  get nextExpiryMs(): number {
    const { finished: proved } = this.#proved;
    const { finished: others } = this.#others;
    return Math.min(proved.firstEndedMs, others.firstEndedMs) + this.limits.maxAgeMs;
  }

  /** Requests that are remembered. */
  get entries(): number {
    return this.#proved.entries + this.#others.entries;
  }

  /** Bytes of stored replies. */
  get bytes(): number {
    return this.#proved.finished.bytes + this.#others.finished.bytes;
  }

  /** Those that run. */
  values(): readonly R[] {
    return this.#present.values();
  }

  /** Where there are many, some at once: each has its place somewhere else in memory, and that is waited for together. */
  #makeRoom(partition: Partition): boolean {
    for (let more = partition.finished.size >> AT_ONCE_SHIFT; more > 0; more--) this.#forgetOldest(partition);
    return this.#forgetOldest(partition);
  }

  #forgetOldest(partition: Partition): boolean {
    const arrivedMs = partition.finished.forgetFirst();
    if (arrivedMs === -Infinity) return false;
    this.#forgottenMs = Math.max(this.#forgottenMs, arrivedMs);
    return true;
  }

  #partitionOf({ isProven }: R): Partition {
    return isProven ? this.#proved : this.#others;
  }

  #keyOf({ client, id }: R): RequestKey {
    return this.#key.of(client, id);
  }
}

/** The room of one kind of peers. */
class Partition {
  running = 0;
  readonly finished: FinishedRequests;

  constructor(
    readonly maxBytes: number,
    readonly maxEntries: number,
  ) {
    this.finished = new FinishedRequests(maxEntries, maxBytes);
  }

  get entries(): number {
    return this.running + this.finished.size;
  }

  /** Half of the bytes are left for those that are in already. */
  get isFull(): boolean {
    return this.entries >= this.maxEntries || this.finished.bytes > this.maxBytes / 2;
  }
}

// Strangers must not push out what those remember who have proved themselves.
const SHARE_OF_OTHERS = 1 / 16;

// One of so many, as a power of 2.
const AT_ONCE_SHIFT = 12;

// How much longer a later copy may have been on its way than the first one.
const LONGEST_TRAVEL_MS = 2000;
