import type { PeerAddress } from '../common/peer-address.js';
import type { Served } from './served.js';

/**
 * Questions of addresses that have not proved themselves: those that run, of which there are few at once, and those
 * whose answers are kept back until then.
 */
export class UnprovenQuestions {
  /** By address, then by request. */
  readonly #byPeer = new Map<string, Map<string, Served>>();
  #running = 0;

  /** A question that is about to run. @returns false when too many do: it must not */
  tryRun(served: Served): boolean {
    if (this.#running >= MAX_RUNNING) return false;
    this.#running++;
    served.isRunningUnproven = true;
    this.#note(served);
    return true;
  }

  /** It is over: nothing of it is on its way. */
  ended(served: Served): void {
    if (!served.isRunningUnproven) return;
    this.#stopCounting(served);
    this.#remove(served.unprovenKey, served);
  }

  /** Its answer is kept back. */
  withhold(served: Served): void {
    this.#stopCounting(served);
    this.#note(served);
  }

  /** An address has proved itself. @returns what it asked, and is to be answered now */
  proved({ key }: PeerAddress): readonly Served[] {
    const asked = [...(this.#byPeer.get(key)?.values() ?? [])];
    this.#byPeer.delete(key);
    for (const served of asked) {
      this.#stopCounting(served);
      served.unprovenKey = undefined;
    }
    return asked;
  }

  /** Lets go of those that are not remembered any more. */
  sweep(isRemembered: (served: Served) => boolean): void {
    for (const [key, asked] of this.#byPeer) {
      for (const served of asked.values()) if (!isRemembered(served)) this.#remove(key, served);
    }
  }

  /** All that is known of. */
  get size(): number {
    let size = 0;
    for (const asked of this.#byPeer.values()) size += asked.size;
    return size;
  }

  #note(served: Served): void {
    const { key } = served.peer;
    if (served.unprovenKey !== key) this.#remove(served.unprovenKey, served);
    served.unprovenKey = key;
    const asked = this.#byPeer.get(key);
    if (asked === undefined) this.#byPeer.set(key, new Map([[served.key, served]]));
    else asked.set(served.key, served);
  }

  #remove(key: string | undefined, served: Served): void {
    if (key === undefined) return;
    served.unprovenKey = undefined;
    const asked = this.#byPeer.get(key);
    if (asked?.get(served.key) !== served) return;
    asked.delete(served.key);
    if (asked.size === 0) this.#byPeer.delete(key);
  }

  #stopCounting(served: Served): void {
    if (served.isRunningUnproven) this.#running--;
    served.isRunningUnproven = false;
  }
}

// Each may hold a buffer of a stream. Honest clients prove themselves within a round trip, and make room.
const MAX_RUNNING = 32;
