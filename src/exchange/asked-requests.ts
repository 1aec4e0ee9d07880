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
  // Ids are made on this side: nobody else can choose such as crowd one place.
  readonly #present = new PresentRequests<R>(SEED);
  readonly #key: RequestKey;
  /** Characters. Nobody makes us work on longer ones. */
  #longestId = 0;

  /** @param wordsOf the 128 bits of an id, and of which kind it is: 16 digits */
  constructor(wordsOf: WordsOf) {
    this.#key = new RequestKey(SEED, wordsOf);
  }

  get size(): number {
    return this.#present.size;
  }

  /** @param id whatever a peer says that it is @returns the request of exactly that id */
  get(id: unknown): R | undefined {
    if (!isRequestId(id) || (typeof id === 'string' && id.length > this.#longestId)) return undefined;
    const request = this.#present.get(this.#keyOf(id));
    return request?.id === id ? request : undefined;
  }

  /** @param request whose id none that waits has */
  add(request: R): void {
    this.#longestId = Math.max(this.#longestId, String(request.id).length);
    this.#present.set(this.#keyOf(request.id), request);
  }

  /** Does nothing when it is gone already. */
  remove(request: R): void {
    this.#present.take(request, this.#key);
  }

  values(): R[] {
    return this.#present.values();
  }

  #keyOf(id: RequestId): RequestKey {
    return typeof id === 'string' ? this.#key.of(OF_TEXTS, id) : this.#key.of(OF_NUMBERS, String(id));
  }
}

function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'string' || typeof value === 'number';
}

const SEED = 0;

// Instead of the client that keys of a server begin with.
const OF_TEXTS = '0'.repeat(16);
const OF_NUMBERS = '1'.repeat(16);
