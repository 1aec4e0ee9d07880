import type { PeerAddress } from '../common/peer-address.js';
import type { Scheduler } from '../endpoint/scheduler.js';
import { Turn } from '../endpoint/turn.js';

/** How many handlers may run, and how much may wait for them. */
export interface HandlerLimits {
  readonly maxConcurrent: number;
  readonly maxWaitingBytes: number;
}

/** Whether a peer had proved its address when its packet came: strangers get a part only. */
export type Standing = 'known' | 'stranger';

/** A packet that can wait for places. */
export interface Visitor {
  readonly peer: PeerAddress;
  /** Of its datagram. */
  readonly bytes: number;
  /** Handlers that it goes to, 1 or more: each takes a place, and all begin at once. */
  readonly places: number;
  /** Its turn has come. Must not throw. @returns whether its places are taken; each is to be left later */
  begin(standing: Standing): boolean;
  /** It will not begin any more: the line was closed. Must not throw. */
  dismissed(): void;
}

/**
 * The places of handlers that run, and the line of packets that wait for them: first come, first served.
 *
 * Peers that have not proved their address get at most half of the places and half of the line, so that forged
 * addresses cannot take all.
 */
export class HandlerPlaces {
  /** Whether a peer has proved that it receives what is sent to its address. */
  isProven: (peer: PeerAddress) => boolean = everybody;

  readonly #all: Part;
  readonly #strangers: Part;
  readonly #lines = { known: new Line(), stranger: new Line() };
  #arrivals = 0;
  #isServing = false;
  /** Watched from the first packet on that begins out of the line. */
  readonly #turn: Turn;

  constructor(
    { maxConcurrent, maxWaitingBytes }: HandlerLimits,
    private readonly scheduler: Pick<Scheduler, 'now' | 'soon'>,
  ) {
    this.#turn = new Turn(scheduler, () => this.#serve());
    this.#all = new Part(maxConcurrent, maxWaitingBytes);
    this.#strangers = new Part(Math.max(1, Math.floor(maxConcurrent / 2)), maxWaitingBytes / 2);
  }

  /** Whether a packet could begin now. */
  mayBegin(peer: PeerAddress, places: number): boolean {
    return this.#mayBegin(this.#standingOf(peer), places);
  }

  /** Whether a packet could begin or wait now. */
  hasRoom(peer: PeerAddress, bytes: number, places: number): boolean {
    const standing = this.#standingOf(peer);
    return this.#mayBegin(standing, places) || this.#mayWait(standing, bytes + ENTRY_BYTES);
  }

  /** Takes places, unless somebody waits. @returns what each is to be left with; `undefined` when there are too few */
  tryTake(peer: PeerAddress, places: number): Standing | undefined {
    const standing = this.#standingOf(peer);
    if (!this.#mayBegin(standing, places)) return undefined;
    this.#count(standing, 'taken', places);
    return standing;
  }

  /** Puts a packet into the line. @returns its ticket; `undefined` when the line is full: it will never begin */
  wait(visitor: Visitor): Ticket | undefined {
    const standing = this.#standingOf(visitor.peer);
    const cost = visitor.bytes + ENTRY_BYTES;
    if (!this.#mayWait(standing, cost)) return undefined;
    const ticket = new Ticket(visitor, standing, this.#arrivals++, cost);
    this.#lines[standing].add(ticket);
    this.#count(standing, 'waitingBytes', cost);
    return ticket;
  }

  /** One handler has ended. */
  leave(standing: Standing): void {
    this.#count(standing, 'taken', -1);
    this.#serve();
  }

  /** Nobody wants a packet any more; if it has begun already, nothing happens. */
  withdraw(ticket: Ticket): void {
    this.#takeOut(ticket);
    this.#serve();
  }

  /** Sends away all that wait, the oldest first. */
  dismiss(): void {
    const { known, stranger } = this.#lines;
    const tickets = [...known, ...stranger].sort((a, b) => a.arrival - b.arrival);
    for (const ticket of tickets) this.#takeOut(ticket);
    for (const { visitor } of tickets) visitor.dismissed();
  }

  /** Packets that wait. */
  get waiting(): number {
    return this.#lines.known.length + this.#lines.stranger.length;
  }

  /** What they cost. */
  get waitingBytes(): number {
    return this.#all.waitingBytes;
  }

  /** Nobody overtakes, but the known those strangers that may not have more. */
  #mayBegin(standing: Standing, places: number): boolean {
    const { known, stranger } = this.#lines;
    if (known.first !== undefined || !this.#all.hasPlaces(places)) return false;
    return standing === 'known' || (stranger.first === undefined && this.#strangers.hasPlaces(places));
  }

  #mayWait(standing: Standing, cost: number): boolean {
    return this.#all.hasRoom(cost) && (standing === 'known' || this.#strangers.hasRoom(cost));
  }

  /**
   * Begins what can, for as long as a turn of the event loop may take: handlers that end at once would let all of
   * the line run in one. Such a handler leaves its place in here, and must not begin the next by itself.
   */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (let ticket = this.#next(); ticket !== undefined; ticket = this.#next()) {
        const nowMs = this.scheduler.now();
        this.#turn.watch(nowMs);
        if (this.#turn.isSpent(nowMs)) return;
        const { visitor, standing } = ticket;
        this.#takeOut(ticket);
        this.#count(standing, 'taken', visitor.places);
        if (!visitor.begin(standing)) this.#count(standing, 'taken', -visitor.places);
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** The oldest of those that may have places, if there are enough. */
  #next(): Ticket | undefined {
    const known = this.#lines.known.first;
    const stranger = this.#lines.stranger.first;
    const isStrangerFirst =
      stranger !== undefined &&
      (known === undefined || stranger.arrival < known.arrival) &&
      this.#strangers.hasPlaces(stranger.visitor.places);
    const first = isStrangerFirst ? stranger : known;
    return first !== undefined && this.#all.hasPlaces(first.visitor.places) ? first : undefined;
  }

  #takeOut(ticket: Ticket): void {
    if (!this.#lines[ticket.standing].remove(ticket)) return;
    this.#count(ticket.standing, 'waitingBytes', -ticket.cost);
  }

  #standingOf(peer: PeerAddress): Standing {
    return this.isProven(peer) ? 'known' : 'stranger';
  }

  #count(standing: Standing, what: 'taken' | 'waitingBytes', change: number): void {
    this.#all[what] += change;
    if (standing === 'stranger') this.#strangers[what] += change;
  }
}

/** A packet in the line of {@link HandlerPlaces}. */
export class Ticket {
  isInLine = false;
  older: Ticket | undefined;
  newer: Ticket | undefined;

  constructor(
    readonly visitor: Visitor,
    readonly standing: Standing,
    readonly arrival: number,
    readonly cost: number,
  ) {}
}

/** All places and all of the line, or what of them is open to strangers. */
class Part {
  taken = 0;
  waitingBytes = 0;

  constructor(
    private readonly maxPlaces: number,
    private readonly maxWaitingBytes: number,
  ) {}

  /** A packet that goes to more handlers than there are places begins when nothing runs. */
  hasPlaces(count: number): boolean {
    return this.taken === 0 || this.taken + count <= this.maxPlaces;
  }

  hasRoom(bytes: number): boolean {
    return this.waitingBytes + bytes <= this.maxWaitingBytes;
  }
}

/** Tickets by age; any of them is taken out in O(1). */
class Line {
  first: Ticket | undefined;
  length = 0;
  #last: Ticket | undefined;

  add(ticket: Ticket): void {
    ticket.isInLine = true;
    ticket.older = this.#last;
    if (this.#last === undefined) this.first = ticket;
    else this.#last.newer = ticket;
    this.#last = ticket;
    this.length++;
  }

  /** @returns whether it was there */
  remove(ticket: Ticket): boolean {
    if (!ticket.isInLine) return false;
    const { older, newer } = ticket;
    if (older === undefined) this.first = newer;
    else older.newer = newer;
    if (newer === undefined) this.#last = older;
    else newer.older = older;
    ticket.isInLine = false;
    ticket.older = undefined;
    ticket.newer = undefined;
    this.length--;
    return true;
  }

  *[Symbol.iterator](): Generator<Ticket> {
    for (let ticket = this.first; ticket !== undefined; ticket = ticket.newer) yield ticket;
  }
}

// What a packet in line takes beside its bytes: its objects and its place.
const ENTRY_BYTES = 512;

function everybody(): boolean {
  return true;
}
