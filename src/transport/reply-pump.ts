import {
  BaseRpcExceptionFilter,
  type ConsumerSerializer,
  type OutgoingResponse,
} from '@nestjs/microservices';
import type { ArgumentsHost } from '@nestjs/common';
import { catchError, isObservable, of, Subject, takeUntil, type Observable } from 'rxjs';
import type { Placed } from '../common/placed-set.js';
import type { InboundPacket, RawPacket, ReplyPacket, TransportCode } from '../codec/packet.js';
import {
  DatagramDroppedError,
  EndpointClosedError,
  MessageTooLargeError,
  QueueOverflowError,
  QueueTimeoutError,
  UnprovenAddressError,
} from '../endpoint/endpoint.errors.js';
import type { PacketChannel } from '../endpoint/packet-channel.js';
import type { Passage } from '../endpoint/passage.js';
import type { Scheduler } from '../endpoint/scheduler.js';
import type { InboundDatagram } from '../endpoint/downlink.js';
import type { Served, Worker } from '../endpoint/served.js';
import type { Fate } from '../endpoint/uplink.js';
import { flatten, isAsyncIterable, pullFrom } from './async-iterable.js';
import type { Standing } from './handler-places.js';
import type { ReplyForm } from './reply-form.js';
import type { UdpContext } from './udp.context.js';

/** What a pump needs of the transport that it works for, and what it tells it. */
export interface PumpOwner {
  readonly channel: PacketChannel;
  readonly scheduler: Scheduler;
  readonly serializer: ConsumerSerializer | undefined;
  /** The handler is done and its last reply handed to the endpoint; called once. */
  onPumpEnd(pump: ReplyPump): void;
  /** A handler, or the stream that it returned, has failed. */
  onHandlerFailure(): void;
  /** A reply cannot be said or does not fit: its author should hear of it. */
  onUnsayable(error: unknown): void;
  /** A reply is too much for an address that has not proved itself. */
  onUnproven(error: UnprovenAddressError): void;
  /** A reply was lost, and the peer could not be told. */
  onLostReply(): void;
}

/**
 * Turns what one handler gives for one packet into replies: a value, an Observable, or an AsyncIterable, which
 * is pulled only as fast as replies leave. A reply that cannot be sent becomes a short error to the peer.
 */
export class ReplyPump implements Fate, Worker, Placed {
  place = -1;
  /** Of the peer, when its packet came. */
  standing: Standing = 'known';
  /** What its handler was given; `undefined` where none runs. */
  context: UdpContext | undefined;

  #stop: Subject<void> | undefined;
  /** A value of a stream that waits to see whether it is the last: then one datagram says both. */
  #held: unknown = NOTHING;
  /** Replies that have neither left nor been dropped. */
  #unsent = 0;
  #onSent: (() => void)[] = [];
  #refusal: Refusal | undefined;
  /** The last of the replies that an asynchronous serializer works on. */
  #serializing: Promise<void> | undefined;
  #controller: AbortController | undefined;
  #isOver = false;

  constructor(
    private readonly owner: PumpOwner,
    private readonly form: ReplyForm,
    private readonly packet: InboundPacket,
    private readonly datagram: InboundDatagram,
    private readonly passage: Passage,
    private readonly served?: Served,
  ) {
    if (served !== undefined) served.worker = this;
  }

  /** Takes what the handler returned. */
  take(result: unknown): void {
    if (this.#isDone) return;
    if (isObservable(result)) this.#subscribe(result);
    else if (isAsyncIterable(result)) this.#subscribe(of(result));
    else this.#finish(this.form.value(result, true));
  }

  /** Says that the handler failed. */
  fail(error: unknown): void {
    this.owner.onHandlerFailure();
    if (this.#isDone) return;
    this.#flush(false);
    if (!this.#isDone) this.#finish(this.form.failure(error));
  }

  /** Ends the request in the name of the transport, and tells the handler by its signal. */
  refuse(code: TransportCode, text: string): void {
    if (!this.#isOver) {
      // Before all else: neither the source, nor a handler that hears its signal, may end as if it were done.
      this.#refusal = { code, text, isSaid: true };
      this.#giveUpSource();
      this.#send(this.form.refusal(code, text));
      this.#end();
    }
    this.#controller?.abort();
  }

  /** Stops, without a word: the peer has given the request up. The handler learns it by its signal. */
  cancel(): void {
    if (this.#isOver) return;
    this.#controller?.abort();
    this.#giveUpSource();
    this.#end();
  }

  /** Resolves when every value given so far has left or been dropped; `undefined` when all have. */
  whenSent(): Promise<void> | undefined {
    if (this.#unsent === 0 && this.#held === NOTHING) return undefined;
    return new Promise((resolve) => this.#onSent.push(resolve));
  }

  /** Made when first asked for: few handlers do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  toEpochMs(monotonicMs: number): number {
    return this.owner.scheduler.timeOrigin + monotonicMs;
  }

  left(): void {
    this.#settleOne();
  }

  dropped(error: Error): void {
    this.#settleOne();
    this.#onRefused(error);
  }

  #subscribe(source: Observable<unknown>): void {
    const pull = (iterable: AsyncIterable<unknown>): Observable<unknown> =>
      pullFrom(iterable, () => this.whenSent()).pipe(catchError(passThroughFilter));
    this.#stop = new Subject();
    flatten(source, pull)
      .pipe(takeUntil(this.#stop))
      .subscribe({
        next: (value) => this.#hold(value),
        error: (error: unknown) => this.fail(error),
        complete: () => this.#complete(),
      });
  }

  #hold(value: unknown): void {
    const isFirst = this.#held === NOTHING;
    this.#flush(false);
    if (this.#isDone) return;
    this.#held = value;
    if (isFirst) queueMicrotask(() => this.#flush(false));
  }

  #complete(): void {
    if (this.#isDone) return;
    if (this.#held === NOTHING) return this.#finish(this.form.end());
    this.#flush(true);
    if (!this.#isDone) this.#end();
  }

  #flush(isLast: boolean): void {
    if (this.#held === NOTHING) return;
    const value = this.#held;
    this.#held = NOTHING;
    this.#send(this.form.value(value, isLast));
    this.#tellSent();
  }

  #finish(packet: ReplyPacket | RawPacket | undefined): void {
    this.#send(packet);
    if (!this.#isDone) this.#end();
  }

  #send(packet: ReplyPacket | RawPacket | undefined): void {
    if (packet === undefined) return;
    this.#unsent++;
    const { serializer } = this.owner;
    if (serializer === undefined || packet.kind === 'raw') return this.#post(packet);
    try {
      const { kind, code, stamp: _stamp, ...message } = packet;
      const serialized: unknown = serializer.serialize(message as OutgoingResponse);
      if (this.#serializing === undefined && !(serialized instanceof Promise)) {
        this.#post({ kind, code, ...(serialized as typeof message) });
      } else {
        this.#serializing = this.#postLater(this.#serializing, serialized, { kind, code });
      }
    } catch (error) {
      this.#onUnsayable(error);
    }
  }

  async #postLater(
    before: Promise<void> | undefined,
    serialized: unknown,
    own: Pick<ReplyPacket, 'kind' | 'code'>,
  ): Promise<void> {
    try {
      await before;
      this.#post({ ...own, ...((await serialized) as Omit<ReplyPacket, 'kind' | 'code'>) });
    } catch (error) {
      this.#onUnsayable(error);
    }
  }

  #post(packet: ReplyPacket | RawPacket): void {
    try {
      const { packet: to, datagram, passage, served } = this;
      this.owner.channel.reply(packet, to, datagram, this, served, passage);
    } catch (error) {
      this.#onUnsayable(error);
    }
  }

  #onUnsayable(error: unknown): void {
    this.owner.onUnsayable(error);
    this.#settleOne();
    this.#onRefused(error);
  }

  /** A reply will not leave: the source is given up, and the peer told once those before it have left. */
  #onRefused(error: unknown): void {
    if (this.#refusal !== undefined) return this.owner.onLostReply();
    if (error instanceof EndpointClosedError) return this.#abandon();
    // Lost as on a network, by a policy that somebody chose: the rest goes on.
    if (error instanceof DatagramDroppedError) return this.owner.onLostReply();
    if (error instanceof UnprovenAddressError) this.owner.onUnproven(error);
    this.#refusal = refusalFor(error);
    this.#giveUpSource();
    if (this.#unsent === 0) this.#sayRefusal(this.#refusal);
  }

  #sayRefusal(refusal: Refusal): void {
    refusal.isSaid = true;
    const packet = this.form.refusal(refusal.code, refusal.text);
    if (packet === undefined) this.owner.onLostReply();
    this.#send(packet);
    this.#end();
  }

  /** The socket is gone: nobody can be told, and a source that went on would be pulled without end. */
  #abandon(): void {
    this.owner.onLostReply();
    this.#end();
    this.#giveUpSource();
    this.#controller?.abort();
  }

  #giveUpSource(): void {
    this.#held = NOTHING;
    this.#stop?.next();
  }

  #settleOne(): void {
    this.#unsent--;
    if (this.#unsent === 0 && this.#refusal?.isSaid === false) this.#sayRefusal(this.#refusal);
    this.#tellSent();
  }

  #tellSent(): void {
    if (this.#unsent > 0 || this.#held !== NOTHING || this.#onSent.length === 0) return;
    const waiting = this.#onSent;
    this.#onSent = [];
    for (const tell of waiting) tell();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#serializing === undefined) this.#tellEnd();
    else void this.#serializing.then(() => this.#tellEnd());
  }

  #tellEnd(): void {
    this.owner.onPumpEnd(this);
  }

  /** Nothing more of the handler's is wanted. */
  get #isDone(): boolean {
    return this.#isOver || this.#refusal !== undefined;
  }
}

/** What the peer is told instead of a reply that could not be sent. */
interface Refusal {
  readonly code: TransportCode;
  readonly text: string;
  isSaid: boolean;
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof MessageTooLargeError) return { code: 'too-large', text: error.message, isSaid: false };
  if (error instanceof UnprovenAddressError) return { code: 'unproven', text: UNPROVEN, isSaid: false };
  const isFull = error instanceof QueueOverflowError || error instanceof QueueTimeoutError;
  return isFull
    ? { code: 'overflow', text: 'too many replies wait to be sent', isSaid: false }
    : { code: 'failed', text: 'the reply could not be sent', isSaid: false };
}

// Errors of iteration happen after Nest's filters have let the generator pass: give them what an error inside
// the handler would have got. The filter reads no part of its host.
function passThroughFilter(error: unknown): Observable<unknown> {
  return new BaseRpcExceptionFilter<unknown, unknown>().catch(error, undefined as unknown as ArgumentsHost);
}

// Short: it must fit into what is left for a stranger.
const UNPROVEN = 'the reply is too large for an unproven address';

const NOTHING = Symbol('no value held');
