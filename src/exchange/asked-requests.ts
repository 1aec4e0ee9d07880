import { HalfSipHash } from '../common/half-sip-hash.js';
import { PresentRequests, type Present } from './present-requests.js';
import { RequestKey, type WordsOf } from './request-key.js';

/** Names a request on the wire. The number 1 and the text 1 are two. */
export type RequestId = string | number;

/** A request of ours. */
export interface AskedRequest extends Present {
  readonly id: RequestId;
}

/**
 * Requests of ours that wait for their end, by id.
 *
 * Not in a Map, for what `HashPlaces` says of it: dead tables name the ones that followed them, and once one has
 * become old, so does all that comes later. Each request of such a client took half as much processor time again.
 */
export class AskedRequests<R extends AskedRequest> {
  readonly #present = new PresentRequests<R>();
  readonly #key: RequestKey;
  /** Characters. Nobody makes us work on longer ones. */
  #longestId = 0;

  /** @param wordsOf the 128 bits of an id that is a text */
  constructor(wordsOf: WordsOf) {
    this.#key = new RequestKey(HASHING, wordsOf);
  }

  get size(): number {
    return this.#present.size;
  }

  /** @param id whatever a peer says that it is @returns the request of exactly that id */
  get(id: unknown): R | undefined {
    if (typeof id !== 'string' && typeof id !== 'number') return undefined;
    if (typeof id === 'string' && id.length > this.#longestId) return undefined;
    const request = this.#present.get(this.#keyOf(id));
    return request?.id === id ? request : undefined;
  }

  /** @param request whose id none that waits has */
  add(request: R): void {
    const { id } = request;
    if (typeof id === 'string') this.#longestId = Math.max(this.#longestId, id.length);
    this.#present.add(this.#keyOf(id), request);
  }

  /** Does nothing when it is gone already. */
  remove(request: R): void {
    this.#present.take(request, this.#key);
  }

  values(): R[] {
    return this.#present.values();
  }

  #keyOf(id: RequestId): RequestKey {
    if (typeof id === 'string') return this.#key.of(OURS, id);
    // Not by its text: V8 keeps those of numbers, and they go from the young generation to the old one.
    NUMBER[0] = id + POSITIVE_ZERO;
    return this.#key.ofWords(NUMBER_WORDS, 0);
  }
}

// Ids are made on this side: nobody else can choose such as crowd one place.
const HASHING = new HalfSipHash(0, 0);

// Instead of the client that keys of a server begin with.
const OURS = '0'.repeat(16);

// Two words that no text has but by chance, and the bits of the number.
const NUMBER_WORDS = Uint32Array.of(1, 0, 0, 0);
const NUMBER = new Float64Array(NUMBER_WORDS.buffer, 8, 1);

// Makes -0, which equals 0, the same.
const POSITIVE_ZERO = 0;
