import { PresentRequests, type Present } from './present-requests.js';
import { hexWords, RequestKey } from './request-key.js';

/** A request of ours. */
export interface AskedRequest extends Present {
  /** 16 lower case hexadecimal digits, at random. */
  readonly id: string;
}

/**
 * Requests of ours that wait for their end, by id.
 *
 * Not in a Map, for what `HashPlaces` says of it: dead tables name the ones that followed them, and once one has
 * become old, so does all that comes later. Each request of such a client took half as much processor time again.
 */
export class AskedRequests<R extends AskedRequest> {
  // Ids are made here, at random: nobody can choose such as crowd one place.
  readonly #present = new PresentRequests<R>(SEED);
  readonly #key = new RequestKey(SEED, hexWords);

  get size(): number {
    return this.#present.size;
  }

  /** @param id whatever a peer says that it is @returns the request of exactly that id */
  get(id: unknown): R | undefined {
    if (typeof id !== 'string') return undefined;
    const request = this.#present.get(this.#key.of(OURS, id));
    return request?.id === id ? request : undefined;
  }

  /** @param request whose id none that waits has */
  add(request: R): void {
    this.#present.set(this.#key.of(OURS, request.id), request);
  }

  /** Does nothing when it is gone already. */
  remove(request: R): void {
    this.#present.take(request, this.#key);
  }

  values(): R[] {
    return this.#present.values();
  }
}

const SEED = 0;

// Instead of the client that keys of a server begin with.
const OURS = '0'.repeat(16);
