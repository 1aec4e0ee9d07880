import type { BaseRpcContext, ConsumerDeserializer, ConsumerSerializer } from '@nestjs/microservices';
import { PlacedSet } from '../common/placed-set.js';
import type { EventPacket, InboundPacket, RawPacket, RequestPacket, TransportCode } from '../codec/packet.js';
import { BUSY } from '../endpoint/busy-replies.js';
import type { UnprovenAddressError } from '../endpoint/endpoint.errors.js';
import type { Admission, PacketChannel } from '../endpoint/packet-channel.js';
import { USUAL_PASSAGE } from '../endpoint/passage.js';
import type { Scheduler } from '../endpoint/scheduler.js';
import type { Served } from '../endpoint/served.js';
import type { InboundDatagram } from '../endpoint/downlink.js';
import type { HandlerStats } from '../telemetry/stats.js';
import { HandlerPlaces, type HandlerLimits, type Standing, type Visitor } from './handler-places.js';
import type { HandlerRegistry, RoutedHandler } from './handler-registry.js';
import { DATAGRAM_ROUTE } from './on-datagram.decorator.js';
import { NoReplies, RawReplies, RequestReplies, type ReplyForm } from './reply-form.js';
import { ReplyPump, type PumpOwner } from './reply-pump.js';
import { UdpContext } from './udp.context.js';

/** What a dispatcher needs of the transport that it works for. */
export interface DispatcherParts {
  readonly channel: PacketChannel;
  readonly scheduler: Scheduler;
  readonly handlers: HandlerRegistry;
  readonly limits: HandlerLimits;
  readonly serializer: ConsumerSerializer | undefined;
  readonly deserializer: ConsumerDeserializer | undefined;
  /** Nest's processing hooks around a handler. */
  readonly onStart: (context: BaseRpcContext, run: () => Promise<void>) => void;
  readonly onEnd: (context: BaseRpcContext) => void;
  /** A pattern as text, for contexts. */
  readonly nameOf: (pattern: unknown) => string;
  readonly logError: (error: unknown) => void;
  /** A reply was kept back from an address that has not proved itself. */
  readonly onUnproven: (error: UnprovenAddressError) => void;
}

/** Gives each packet that peers send to its handlers, and what these return to a {@link ReplyPump}. */
export class Dispatcher implements PumpOwner {
  readonly channel: PacketChannel;
  readonly scheduler: Scheduler;
  readonly serializer: ConsumerSerializer | undefined;
  /** Where handlers run, and packets wait for that. */
  readonly places: HandlerPlaces;
  readonly #running = new PlacedSet<ReplyPump>();
  readonly #counts = {
    unhandledRequests: 0,
    unhandledEvents: 0,
    refusedClosing: 0,
    refusedBusy: 0,
    refusedFull: 0,
    tooLate: 0,
    failures: 0,
    lostReplies: 0,
  };
  #isClosing = false;
  #onIdle: (() => void)[] = [];

  constructor(private readonly parts: DispatcherParts) {
    this.channel = parts.channel;
    this.scheduler = parts.scheduler;
    this.serializer = parts.serializer;
    this.places = new HandlerPlaces(parts.limits, parts.scheduler);
  }

  /** Takes one packet. Never throws. @param served its record, when it came over the exchange */
  readonly accept = (packet: InboundPacket, datagram: InboundDatagram, served?: Served): void => {
    if (this.#isClosing) return this.#refuse(packet, datagram, 'closing', served);
    if (packet.kind === 'raw') this.#handleRaw(packet, datagram);
    else if (this.parts.deserializer === undefined) this.#handle(packet, datagram, served);
    else void this.#deserialize(packet, datagram, this.parts.deserializer, served);
  };

  /** Asked of questions over the exchange before they are taken: their clients come again when told so. */
  readonly admit: Admission = ({ peer, data }, packet) => {
    const handlers = packet === undefined ? undefined : this.parts.handlers.find(packet.pattern);
    // What no handler takes needs no place. Of a message in part nobody knows yet.
    const places = handlers?.length ?? 1;
    if (places > 0 && !this.places.hasRoom(peer, data.length, places)) {
      this.#counts.refusedFull++;
      return this.#retryAfter(FULL_RETRY_MS);
    }
    if (packet?.kind === 'event') return 0;
    const busyMs = this.channel.endpoint.busyForMs(peer, handlers?.[0]?.passage ?? USUAL_PASSAGE);
    if (busyMs === 0) return 0;
    this.#counts.refusedBusy++;
    return this.#retryAfter(Math.min(LONGEST_RETRY_MS, Math.max(SHORTEST_RETRY_MS, busyMs)));
  };

  /** Asked of questions over the exchange whose address has not proved itself. */
  readonly hasPlace = (packet: RequestPacket | EventPacket, { peer }: InboundDatagram): boolean => {
    const places = this.parts.handlers.find(packet.pattern).length;
    return places === 0 || this.places.mayBegin(peer, places);
  };

  /** Refuses what comes from now on, and what has not begun. */
  stopIntake(): void {
    this.#isClosing = true;
    this.places.dismiss();
  }

  /** Resolves when no handler runs. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /**
   * Ends what still runs: handlers learn it by their signal, peers by the code `closing`.
   *
   * @returns whether anything ran
   */
  abort(): boolean {
    const isBusy = this.#running.size > 0;
    for (const pump of this.#running.values()) pump.refuse('closing', CLOSING);
    return isBusy;
  }

  stats(): HandlerStats {
    const { waiting, waitingBytes } = this.places;
    return Object.freeze({ running: this.#running.size, waiting, waitingBytes, ...this.#counts });
  }

  onPumpEnd(pump: ReplyPump): void {
    if (pump.context !== undefined) this.parts.onEnd(pump.context);
    // A refusal takes no place.
    if (!this.#running.delete(pump)) return;
    this.places.leave(pump.standing);
    if (this.#running.size > 0 || this.#onIdle.length === 0) return;
    for (const tell of this.#onIdle) tell();
    this.#onIdle = [];
  }

  onHandlerFailure(): void {
    this.#counts.failures++;
  }

  onUnsayable(error: unknown): void {
    this.parts.logError(error);
  }

  onUnproven(error: UnprovenAddressError): void {
    this.parts.onUnproven(error);
  }

  onLostReply(): void {
    this.#counts.lostReplies++;
  }

  async #deserialize(
    packet: RequestPacket | EventPacket,
    datagram: InboundDatagram,
    deserializer: ConsumerDeserializer,
    served: Served | undefined,
  ): Promise<void> {
    const { kind: _kind, stamp: _stamp, ...message } = packet;
    try {
      const { id, pattern, data, metadata } = (await deserializer.deserialize(
        message,
      )) as Partial<RequestPacket>;
      const question = { pattern, data, metadata };
      // Given up meanwhile: nothing that cancel() could have stopped was there yet.
      if (served?.isOpen === false) return;
      if (this.#isClosing) this.#refuse(packet, datagram, 'closing', served);
      else if (id === undefined) this.#handle({ kind: 'event', ...question }, datagram, served);
      else this.#handle({ kind: 'request', id, ...question }, datagram, served);
    } catch {
      this.channel.endpoint.countDrop(datagram, 'malformed: deserializer failed');
      if (served !== undefined) this.#sayUnreadable(packet, datagram, served);
    }
  }

  #handle(packet: RequestPacket | EventPacket, datagram: InboundDatagram, served: Served | undefined): void {
    const handlers = this.parts.handlers.find(packet.pattern);
    const [first] = handlers;
    if (first === undefined) return this.#refuse(packet, datagram, 'no-handler', served);
    if (
      packet.kind === 'request' &&
      served === undefined &&
      this.channel.endpoint.busyForMs(datagram.peer, first.passage) > 0
    ) {
      return this.#refuseBusy(packet, datagram);
    }
    if (served !== undefined) served.passage = first.passage;
    this.#enter(handlers, packet, datagram, served);
  }

  #handleRaw(packet: RawPacket, datagram: InboundDatagram): void {
    const { raw } = this.parts.handlers;
    if (raw.length === 0) return this.#refuse(packet, datagram, 'no-handler');
    this.#enter(raw, packet, datagram, undefined);
  }

  /** Begins, waits for its turn, or is refused. */
  #enter(
    handlers: readonly RoutedHandler[],
    packet: InboundPacket,
    datagram: InboundDatagram,
    served: Served | undefined,
  ): void {
    const { peer, data } = datagram;
    const places = handlers.length;
    const standing = this.places.tryTake(peer, places);
    if (standing !== undefined) return this.#begin(handlers, packet, datagram, served, standing);
    const visitor: Visitor = {
      peer,
      bytes: data.length,
      places,
      begin: (standing) => {
        if (served !== undefined && this.scheduler.now() > served.patienceEndMs) {
          this.#giveUp(packet, datagram, served);
          return false;
        }
        this.#begin(handlers, packet, datagram, served, standing);
        return true;
      },
      dismissed: () => this.#refuse(packet, datagram, 'closing', served),
    };
    const ticket = this.places.wait(visitor);
    if (ticket === undefined) return this.#refuseFull(packet, datagram, served);
    datagram.detach();
    if (served !== undefined) served.worker = { cancel: () => this.places.withdraw(ticket) };
  }

  #begin(
    handlers: readonly RoutedHandler[],
    packet: InboundPacket,
    datagram: InboundDatagram,
    served: Served | undefined,
    standing: Standing,
  ): void {
    if (packet.kind === 'event' && served !== undefined) this.channel.received(served);
    // Several handlers of one event that somebody sends as a request: the first one answers.
    let isAnswering = packet.kind !== 'event';
    for (const handler of handlers) {
      const form = isAnswering ? formOf(packet) : SILENCE;
      this.#run(handler, packet, form, datagram, standing, isAnswering ? served : undefined);
      isAnswering = packet.kind === 'raw';
    }
  }

  #run(
    { handle, passage }: RoutedHandler,
    packet: InboundPacket,
    form: ReplyForm,
    datagram: InboundDatagram,
    standing: Standing,
    served: Served | undefined,
  ): void {
    const pump = new ReplyPump(this, form, packet, datagram, passage, served);
    const isRaw = packet.kind === 'raw';
    const pattern = isRaw ? DATAGRAM_ROUTE : this.parts.nameOf(packet.pattern);
    const context = new UdpContext(datagram, pattern, isRaw ? undefined : packet.metadata, pump);
    pump.standing = standing;
    pump.context = context;
    this.#running.add(pump);
    const run = async (): Promise<void> => {
      try {
        pump.take(await handle(packet.data, context));
      } catch (error) {
        pump.fail(error);
      }
    };
    try {
      this.parts.onStart(context, run);
    } catch (error) {
      // A hook of the application's failed: the peer must not wait for nothing.
      this.parts.logError(error);
      pump.fail(HOOK_FAILED);
    }
  }

  /** A peer that waits for a word must not wait in vain. */
  #sayUnreadable(packet: RequestPacket | EventPacket, datagram: InboundDatagram, served: Served): void {
    if (packet.kind === 'event') return this.channel.refuseEvent(served, 'failed');
    this.#answer(packet, datagram, 'failed', UNREADABLE, served);
  }

  #refuse(
    packet: InboundPacket,
    datagram: InboundDatagram,
    code: 'closing' | 'no-handler',
    served?: Served,
  ): void {
    if (code === 'closing') this.#counts.refusedClosing++;
    else if (packet.kind === 'request') this.#counts.unhandledRequests++;
    else this.#counts.unhandledEvents++;
    if (packet.kind !== 'request') {
      if (served !== undefined) this.channel.refuseEvent(served, code);
      return this.channel.endpoint.countDrop(datagram, code);
    }
    this.#answer(packet, datagram, code, code === 'closing' ? CLOSING : NO_HANDLER, served);
  }

  /** Work whose answer would come too late is better not begun; most are told, within a budget of its own. */
  #refuseBusy(packet: RequestPacket, datagram: InboundDatagram): void {
    this.#counts.refusedBusy++;
    this.#sayBusy(packet, datagram);
  }

  /** Too many handlers run, and too much waits for them. */
  #refuseFull(packet: InboundPacket, datagram: InboundDatagram, served: Served | undefined): void {
    this.#counts.refusedFull++;
    // Let in before there was so much: its client does not ask again.
    if (served !== undefined) this.#sayOverflow(packet, datagram, served);
    else if (packet.kind === 'request') this.#sayBusy(packet, datagram);
    else this.channel.dropUnrun(datagram, 'busy');
  }

  /** Its turn has come too late: its client waits no longer, and is not answered. */
  #giveUp(packet: InboundPacket, datagram: InboundDatagram, served: Served): void {
    this.#counts.tooLate++;
    this.#sayOverflow(packet, datagram, served);
  }

  #sayBusy(packet: RequestPacket, datagram: InboundDatagram): void {
    if (this.channel.busyReplies.tryTake()) this.#answer(packet, datagram, 'busy', BUSY);
    else this.channel.dropUnrun(datagram, 'busy');
  }

  #sayOverflow(packet: InboundPacket, datagram: InboundDatagram, served: Served): void {
    if (packet.kind === 'request') this.#answer(packet, datagram, 'busy', BUSY, served);
    else this.channel.refuseEvent(served, 'overflow');
  }

  /** Their clients ask again by themselves: what is told to all of them would be taken from the answers. */
  #retryAfter(milliseconds: number): number {
    return this.channel.busyReplies.tryTake(BUSY_FRAME_BYTES) ? milliseconds : Infinity;
  }

  #answer(
    packet: RequestPacket,
    datagram: InboundDatagram,
    code: TransportCode,
    text: string,
    served?: Served,
  ): void {
    const form = new RequestReplies(packet.id);
    const pump = new ReplyPump(this, form, packet, datagram, USUAL_PASSAGE, served);
    pump.refuse(code, text);
  }
}

function formOf(packet: InboundPacket): ReplyForm {
  return packet.kind === 'request' ? new RequestReplies(packet.id) : RAW;
}

const SILENCE = new NoReplies();

const RAW = new RawReplies();

// Nest's own words: clients of other transports may look for them.
const NO_HANDLER = 'There is no matching message handler defined in the remote service.';

const UNREADABLE = 'the service cannot read the request';

const CLOSING = 'the service is closing';

// See PROTOCOL.md: the head of a frame and a time.
const BUSY_FRAME_BYTES = 32;

// Soon enough to use what becomes free, seldom enough to be no load.
const SHORTEST_RETRY_MS = 100;

const LONGEST_RETRY_MS = 4000;

// Nobody knows how long handlers take.
const FULL_RETRY_MS = 500;

const HOOK_FAILED = { status: 'error', message: 'Internal server error' };
