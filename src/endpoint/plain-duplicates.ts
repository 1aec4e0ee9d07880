import { createHash, randomInt } from 'node:crypto';
import type { PacketId, RequestPacket } from '../codec/packet.js';
import { HalfSipHash } from '../common/half-sip-hash.js';
import { DuplicateStore, type StoredRequest } from '../exchange/duplicate-store.js';
import { hashWords } from '../exchange/request-key.js';
import { Watch } from './deadlines.js';
import type { InboundDatagram } from './downlink.js';
import type { ExchangeParts } from './exchange-parts.js';

/** A request that carries nothing of the exchange, as it was seen. */
export class PlainRecord implements StoredRequest {
  readonly isProven = true;
  /** More than one reply: none of them can stand for all. */
  isStream = false;
  slot = -1;

  constructor(
    /** The key of its address. */
    readonly client: string,
    readonly id: string,
    readonly arrivedMs: number,
  ) {}
}

/**
 * Requests of peers that do not speak the exchange, for some seconds: a network that brings one twice must not run
 * it twice. Such a peer is known by its address, and its request by its id and all of its bytes.
 */
export class PlainDuplicates {
  readonly #store: DuplicateStore<PlainRecord>;
  readonly #watch = new Watch((nowMs) => this.#forget(nowMs));

  constructor(private readonly parts: ExchangeParts) {
    const { maxBytes, maxEntries } = parts.limits.duplicates;
    const limits = {
      maxBytes: Math.floor(maxBytes * PART),
      maxEntries: Math.ceil(maxEntries * PART),
      maxAgeMs: MAX_AGE_MS,
    };
    const [k0 = 0, k1 = 0, ...seeds] = Array.from({ length: 6 }, () => randomInt(2 ** 32));
    this.#store = new DuplicateStore(limits, parts.epoch, hashWords(seeds), new HalfSipHash(k0, k1));
  }

  /**
   * Takes a request.
   *
   * @returns whether it is to be run; one that was seen is answered as before, or has its answer still to come
   */
  take({ id }: RequestPacket, datagram: InboundDatagram): boolean {
    const { peer, data, receivedAtMs } = datagram;
    const name = nameOf(id, data);
    const isRunning = this.#store.find(peer.key, name) !== undefined;
    const ended = isRunning ? undefined : this.#store.recall(peer.key, name);
    if (!isRunning && ended === undefined) {
      const record = new PlainRecord(peer.key, name, receivedAtMs);
      // Without room for it, it runs as UDP brings it.
      if (this.#store.add(record)) datagram.record = record;
      return true;
    }
    const { counts, endpoint } = this.parts;
    counts.duplicates++;
    if (ended?.body === undefined) return false;
    counts.duplicatesAnswered++;
    endpoint.answer(ended.body, peer);
    return false;
  }

  /**
   * A reply leaves.
   *
   * @param isRefusal the transport has not run the request: its next copy is as good as this one
   */
  replied(record: PlainRecord, data: Uint8Array, isLast: boolean, isRefusal: boolean): void {
    if (isRefusal) return this.forget(record);
    if (!isLast) {
      record.isStream = true;
      return;
    }
    const body = record.isStream ? undefined : data;
    this.#store.finish(record, { mark: 0, note: undefined, body }, this.parts.scheduler.now());
    if (this.#watch.dueMs === Infinity) this.#aim();
  }

  /** A request has not run: its next copy may. */
  forget(record: PlainRecord): void {
    this.#store.revoke(record);
  }

  #forget(nowMs: number): void {
    this.#store.expire(nowMs);
    this.#aim();
  }

  #aim(): void {
    this.parts.deadlines.aim(this.#watch, this.#store.nextExpiryMs);
  }
}

/** What tells a request from others of its peer. Short, whatever the peer calls it: names count as nothing. */
function nameOf(id: PacketId, data: Uint8Array): string {
  if (typeof id === 'string' && id.length > LONGEST_ID)
    return createHash('sha256').update(data).digest('base64');
  return `${typeof id} ${id} ${hashOf(data)}`;
}

/** FNV-1a, 32 bits: enough beside an address and an id, for there is no gain in a request of one's own that is lost. */
function hashOf(data: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

// As text; numbers are shorter.
const LONGEST_ID = 64;

// A copy that a network makes comes within moments; whoever asks the same again later means it.
const MAX_AGE_MS = 5000;

// Of the room for requests that are seen: what the exchange promises comes first.
const PART = 1 / 8;
