import { randomInt } from 'node:crypto';
import type { AckFrame, Frame, GoneReason, ProofFrame, SegmentFrame } from '../codec/frame.js';
import type { ReplyPacket, RequestStamp } from '../codec/packet.js';
import { HalfSipHash } from '../common/half-sip-hash.js';
import { DuplicateStore } from '../exchange/duplicate-store.js';
import { hexWords } from '../exchange/request-key.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { InboundDatagram } from './downlink.js';
import type { ExchangeParts } from './exchange-parts.js';
import { idOf, RequestAssembly, type FrameName, type StampedQuestion } from './request-assembly.js';
import { Served, type ServedOwner } from './served.js';
import { ServedReplies, type ReplyEvents } from './served-replies.js';
import { ServedWatch } from './served-watch.js';
import { ServerWords } from './server-words.js';
import { UnprovenQuestions } from './unproven-questions.js';
import type { Fate } from './uplink.js';

/** What the serving half tells the channel. */
export interface ExchangeServerEvents {
  /** A question that was not seen before; to be answered by {@link ExchangeServer.reply}. */
  onQuestion(packet: StampedQuestion, datagram: InboundDatagram, served: Served): void;
  /** @returns milliseconds after which a new question may come again; 0 lets it in, `Infinity` drops it without a word */
  admit(datagram: InboundDatagram, packet?: StampedQuestion): number;
  /** Whether a handler could begin at once. */
  hasPlace(packet: StampedQuestion, datagram: InboundDatagram): boolean;
}

/** The serving half of the exchange: each question runs at most once, and its replies arrive or are told lost. */
export class ExchangeServer implements ServedOwner, ReplyEvents {
  readonly #store: DuplicateStore<Served>;
  readonly #assembly: RequestAssembly;
  readonly #words: ServerWords;
  readonly #replies: ServedReplies;
  readonly #watch: ServedWatch;
  readonly #unproven = new UnprovenQuestions();
  readonly #onAllDelivered = new Set<() => void>();
  #open = 0;
  #streams = 0;

  constructor(
    private readonly parts: ExchangeParts,
    private readonly events: ExchangeServerEvents,
  ) {
    this.#words = new ServerWords(parts);
    this.#replies = new ServedReplies(parts, this);
    const hashing = new HalfSipHash(randomInt(2 ** 32), randomInt(2 ** 32));
    this.#store = new DuplicateStore(parts.limits.duplicates, parts.epoch, hexWords, hashing);
    this.#watch = new ServedWatch(parts, this.#store, this.#words, this.#unproven);
    this.#assembly = new RequestAssembly(parts, {
      onComplete: (packet, datagram) => this.onQuestion(packet, datagram, true),
      // What comes of it later must not begin another message that can never be whole.
      onForgotten: (name, datagram) => this.#remember(name, datagram, 'refused', 'lease'),
    });
  }

  /** @param isAdmitted it was let in already, when its first segment came */
  onQuestion(packet: StampedQuestion, datagram: InboundDatagram, isAdmitted = false): void {
    const { stamp } = packet;
    const id = idOf(packet);
    const seen = this.#store.find(stamp.client, id) ?? this.#recall(stamp.client, id, datagram);
    if (seen !== undefined) return this.#onRepeated(seen, stamp, datagram);
    const { peer, receivedAtMs } = datagram;
    if (this.#store.mayHaveRun(stamp.ageMs, stamp.epoch, receivedAtMs)) return this.#words.unknown(id, peer);
    const isProven = this.parts.endpoint.validation.isProven(peer);
    // A stranger must not wait behind those who only pretend to be here: it can have a place of its own soon.
    if (!isProven && !this.events.hasPlace(packet, datagram)) return this.#words.challenge(id, peer, true);
    const retryAfterMs = isAdmitted ? 0 : this.events.admit(datagram, packet);
    if (retryAfterMs > 0) return this.#refuseBusy(id, datagram, retryAfterMs);
    const served = new Served(this, stamp.client, id, stamp, peer, receivedAtMs, isProven);
    if (!isProven && !this.#unproven.tryRun(served)) return this.#words.challenge(id, peer, true);
    if (!this.#store.add(served)) return this.#refuseFull(served);
    this.#open++;
    this.#askProof(id, peer);
    this.#watch.onOpen(served);
    this.events.onQuestion(packet, datagram, served);
  }

  /** Takes a frame of an asking side. */
  onFrame(frame: Frame, datagram: InboundDatagram): void {
    const { client = '', id } = frame;
    const served = this.#store.find(client, id) ?? this.#recall(client, id, datagram);
    if (served !== undefined) {
      served.heardMs = datagram.receivedAtMs;
      // A challenge, or the proof, may have been lost.
      if (frame.kind !== 'proof') this.#askProof(id, datagram.peer);
    }
    switch (frame.kind) {
      case 'cancel':
        return this.#onCancel(frame, served, datagram);
      case 'probe':
        if (served !== undefined) return this.#answerAgain(served, NO_ATTEMPT, datagram);
        return this.#words.unknown(id, datagram.peer);
      case 'ack':
        return this.#onAcknowledged(frame, served, datagram);
      case 'proof':
        return this.#onProof(frame, datagram);
      case 'segment':
        return this.#onSegment(frame, client + id, served, datagram);
      default:
        this.parts.counts.unknownFrames++;
    }
  }

  /**
   * Answers a question, with its only reply or with one of many.
   *
   * @throws {MessageTooLargeError} more than segments may carry
   * @throws whatever the codec throws when it cannot say the packet
   */
  reply(served: Served, packet: ReplyPacket, fate: Fate | undefined): void {
    this.#replies.send(served, packet, fate);
  }

  /** A confirmable event was handed to its handlers. */
  received(served: Served): void {
    this.#finish(served, 'received');
    this.#words.done('received', served.id, served.peer);
  }

  /** A confirmable event that is not taken. */
  refuseEvent(served: Served, reason: GoneReason): void {
    served.refusal = reason;
    this.#finish(served, 'refused');
    this.#words.gone(served.id, served.peer, reason);
  }

  /** Resolves when every stream and large reply has arrived or was given up. */
  async delivered(): Promise<void> {
    if (this.#streams > 0) await new Promise<void>((resolve) => this.#onAllDelivered.add(resolve));
  }

  close(): void {
    const nowMs = this.parts.scheduler.now();
    this.#assembly.close();
    for (const served of this.#store.values()) served.run?.close(nowMs);
  }

  restamp(served: Served, nowMs: number): void {
    this.#replies.restamp(served, nowMs);
  }

  onReplyLeft(served: Served, nowMs: number): void {
    if (served.state === 'replying') this.#finish(served, 'replied', nowMs);
  }

  onStream(served: Served): void {
    this.#streams++;
    this.#watch.aimLease(served);
  }

  onDelivered(served: Served, nowMs: number): void {
    // The receiver may have turned the run away before its end.
    const { worker } = served;
    this.#finish(served, 'delivered', nowMs);
    worker?.cancel();
  }

  onWithheld(served: Served): void {
    this.#finish(served, 'replied');
    this.#unproven.withhold(served);
  }

  onUnwanted(served: Served): void {
    this.parts.counts.unwantedReplies++;
    if (served.state === 'replying') this.#finish(served, 'replied');
  }

  onLeaseOver(served: Served, nowMs: number): void {
    if (!served.isOpen) return;
    if (nowMs < served.heardMs + this.parts.limits.leaseMs) return this.#watch.aimLease(served);
    this.parts.counts.leasesExpired++;
    this.#giveUp(served, 'expired');
  }

  get open(): number {
    return this.#open;
  }

  get streams(): number {
    return this.#streams + this.#assembly.size;
  }

  get stored(): number {
    return this.#store.entries;
  }

  get unproven(): number {
    return this.#unproven.size;
  }

  get storedBytes(): number {
    return this.#store.bytes;
  }

  /** One that has ended, as it was, to be answered once more. */
  #recall(client: string, id: string, { peer, receivedAtMs }: InboundDatagram): Served | undefined {
    const ended = this.#store.recall(client, id);
    if (ended === undefined) return undefined;
    const served = new Served(this, client, id, NO_STAMP, peer, receivedAtMs, true);
    served.recall(ended, receivedAtMs);
    return served;
  }

  #sendAgain(served: Served, attempt: number, receivedMs: number): void {
    if (this.#store.readmit(served)) this.#replies.sendAgain(served, attempt, receivedMs);
  }

  #onRepeated(served: Served, stamp: RequestStamp, datagram: InboundDatagram): void {
    this.parts.counts.duplicates++;
    served.hear(stamp, datagram.peer, datagram.receivedAtMs);
    this.#askProof(served.id, served.peer);
    this.#answerAgain(served, stamp.attempt, datagram);
  }

  #answerAgain(served: Served, attempt: number, { receivedAtMs }: InboundDatagram): void {
    const { counts } = this.parts;
    switch (served.state) {
      case 'running':
      case 'replying':
      case 'streaming':
        counts.duplicatesPending++;
        return this.#words.pending(served);
      case 'replied':
        if (served.body === undefined) return this.#words.unknown(served.id, served.peer);
        counts.duplicatesAnswered++;
        return this.#sendAgain(served, attempt, receivedAtMs);
      case 'received':
        return this.#words.done('received', served.id, served.peer);
      case 'cancelled':
        return this.#words.done('cancelled', served.id, served.peer);
      case 'expired':
        return this.#words.gone(served.id, served.peer, 'lease');
      case 'refused':
        return this.#words.gone(served.id, served.peer, served.refusal ?? 'failed');
      case 'delivered':
    }
  }

  #onCancel(frame: Frame, served: Served | undefined, datagram: InboundDatagram): void {
    const { peer, receivedAtMs } = datagram;
    if (served === undefined) {
      this.#assembly.forget((frame.client ?? '') + frame.id);
      // The request may still be on its way: it must not run when it comes.
      this.#remember(frame, datagram, 'cancelled');
    } else if (served.isOpen) {
      this.parts.counts.cancelled++;
      this.#giveUp(served, 'cancelled', receivedAtMs);
    }
    this.#words.done('cancelled', frame.id, peer);
  }

  /** Notes what has become of a request that never ran. */
  #remember(
    { client = '', id }: FrameName,
    { peer, receivedAtMs }: InboundDatagram,
    state: 'cancelled' | 'refused',
    refusal?: GoneReason,
  ): void {
    // It may have come whole while a part of it lay here: what became of that one counts.
    if (this.#store.remembers({ client, id })) return;
    const isProven = this.parts.endpoint.validation.isProven(peer);
    const served = new Served(this, client, id, NO_STAMP, peer, receivedAtMs, isProven);
    served.refusal = refusal;
    if (!this.#store.add(served)) return;
    this.#open++;
    this.#finish(served, state, receivedAtMs);
  }

  #onProof({ token }: ProofFrame, { peer }: InboundDatagram): void {
    if (!this.parts.endpoint.validation.prove(peer, token)) return;
    for (const served of this.#unproven.proved(peer)) {
      if (served.run !== undefined) served.run.resume();
      else if (served.state === 'replied') this.#sendAgain(served, served.attempt, served.receivedMs);
    }
  }

  /** Asks an address to prove itself, unless it has, or was asked a moment ago. */
  #askProof(id: string, peer: PeerAddress): void {
    if (this.parts.endpoint.validation.tryAsk(peer)) this.#words.challenge(id, peer, false);
  }

  /** There is no room to remember it. */
  #refuseFull(served: Served): void {
    this.#unproven.ended(served);
    if (served.isProven) this.#words.busy(served.id, served.peer, FULL_RETRY_MS);
    else this.#words.challenge(served.id, served.peer, true);
  }

  #onAcknowledged(
    frame: AckFrame,
    served: Served | undefined,
    { peer, receivedAtMs }: InboundDatagram,
  ): void {
    if (served === undefined) {
      this.parts.counts.unknownFrames++;
      if (frame.wantsAnswer) this.#words.unknown(frame.id, peer);
      return;
    }
    served.run?.acknowledge(frame, receivedAtMs);
    if (!frame.wantsAnswer) return;
    if (served.state === 'expired') this.#words.gone(served.id, peer, 'lease');
    else if (served.isOpen && served.run?.isIdle !== false) this.#words.pending(served);
  }

  #onSegment(frame: SegmentFrame, key: string, served: Served | undefined, datagram: InboundDatagram): void {
    const { peer, receivedAtMs } = datagram;
    if (served !== undefined) {
      this.parts.counts.segmentsRepeated++;
      // All of it is here, and only the last acknowledgement was lost; or its refusal was.
      if (served.state !== 'refused') return this.#words.whole(frame.id, peer);
      if (frame.wantsAck) this.#answerAgain(served, NO_ATTEMPT, datagram);
      return;
    }
    if (!this.#assembly.has(key)) {
      // Nothing is kept of it before its address has proved itself.
      if (!this.parts.endpoint.validation.isProven(peer)) return this.#challengeSegment(frame.id, datagram);
      if (this.#store.mayHaveRun(frame.ageMs, frame.epoch, receivedAtMs))
        return this.#words.unknown(frame.id, peer);
      const retryAfterMs = this.events.admit(datagram);
      if (retryAfterMs > 0) return this.#refuseBusy(frame.id, datagram, retryAfterMs);
    }
    const refusal = this.#assembly.receive(frame, key, datagram);
    if (refusal === undefined) return;
    this.#remember(frame, datagram, 'refused', refusal);
    this.#words.gone(frame.id, peer, refusal);
  }

  #challengeSegment(id: string, datagram: InboundDatagram): void {
    // One word for all segments that come at once.
    if (this.parts.endpoint.validation.tryAsk(datagram.peer)) this.#words.challenge(id, datagram.peer, true);
    else this.parts.endpoint.countDrop(datagram, 'unproven');
  }

  #refuseBusy(id: string, datagram: InboundDatagram, retryAfterMs: number): void {
    if (retryAfterMs === Infinity) this.parts.endpoint.countDrop(datagram, 'busy');
    else this.#words.busy(id, datagram.peer, retryAfterMs);
  }

  #giveUp(served: Served, state: 'cancelled' | 'expired', nowMs = this.parts.scheduler.now()): void {
    const { worker, fate } = served;
    this.#finish(served, state, nowMs);
    served.fate = undefined;
    fate?.left(nowMs);
    worker?.cancel();
  }

  #finish(served: Served, state: Served['state'], nowMs = this.parts.scheduler.now()): void {
    served.state = state;
    if (served.finishedMs !== undefined) return this.#store.release(served);
    served.finishedMs = nowMs;
    this.#open--;
    this.#unproven.ended(served);
    served.worker = undefined;
    this.parts.deadlines.cancel(served);
    const { run, path } = served;
    if (run !== undefined) {
      served.run = undefined;
      served.path = undefined;
      this.#streams--;
      run.close(nowMs);
      path?.release(nowMs);
    }
    this.#store.finish(served, served.ended(), nowMs);
    this.#watch.onFinished(served);
    if (this.#streams > 0 || this.#onAllDelivered.size === 0) return;
    for (const tell of this.#onAllDelivered) tell();
    this.#onAllDelivered.clear();
  }
}

// A reply to a probe tells nothing about a round trip: no attempt has this number.
const NO_ATTEMPT = 0;

const FULL_RETRY_MS = 1000;

// Where no copy is answered.
const NO_STAMP: RequestStamp = { client: '', attempt: 0, ageMs: 0, patienceMs: 0, epoch: 0 };
