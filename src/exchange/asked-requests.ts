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
 * Not a Map: each time that one has been gone through, it leaves a dead table behind, which names the next. Once one of
 * them is old, all that come after it outlive their time, with the requests in them: a client for which that began
 * took half as much processor time again for each request, until it ended.
 */
export class AskedRequests<R extends AskedRequest> {
  // Ids are our own and no secret of somebody's: nobody can choose such as crowd one place.
  readonly #present = new PresentRequests<R>(SEED);
  readonly #key = new RequestKey(SEED, hexWords);
  #size = 0;

  get size(): number {
    return this.#size;
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
    this.#size++;
  }

  /** Does nothing when it is gone already. */
  remove(request: R): void {
    if (this.#present.take(request, this.#key)) this.#size--;
  }

  values(): R[] {
    return this.#present.values();
  }
}

const SEED = 0;

// Instead of the client that keys of a server begin with.
const OURS = '0'.repeat(16);
