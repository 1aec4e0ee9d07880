import { randomInt } from 'node:crypto';
import type { PeerAddress } from '../common/peer-address.js';
import { AmplificationLedger } from '../shaping/amplification-ledger.js';
import type { ValidationStats } from '../telemetry/stats.js';
import { AddressTokens } from './address-tokens.js';
import type { AmplificationLimits } from './address-validation.options.js';
import { ProvenPeers } from '../exchange/proven-peers.js';
import type { Scheduler } from './scheduler.js';

/**
 * Knows which addresses have proved that they receive what is sent to them, and how much the others may be sent.
 */
export class AddressValidation {
  readonly #ledger: AmplificationLedger | undefined;
  readonly #tokens: AddressTokens | undefined;
  readonly #proven: ProvenPeers | undefined;
  readonly #counts = { challenges: 0, proofs: 0, proofsRefused: 0 };
  /**
   * Who was heard last, and whether it had proved itself: that is asked five times for each request, and to look it
   * up each time is 5 % of what a request costs in memory.
   */
  #heard: PeerAddress | undefined;
  #isHeardProven = false;

  constructor(
    { factor, validation }: AmplificationLimits,
    private readonly scheduler: Scheduler,
  ) {
    if (factor !== Infinity) this.#ledger = new AmplificationLedger(factor, randomInt(2 ** 32));
    if (validation === undefined) return;
    this.#tokens = new AddressTokens(validation.secrets, validation.lifetimeMs);
    this.#proven = new ProvenPeers(validation.maxPeers, validation.lifetimeMs);
  }

  /** Whether addresses are told from one another at all. */
  get isOn(): boolean {
    return this.#proven !== undefined;
  }

  /** Whether an address has proved itself; all have, where none is asked to. */
  isProven(peer: PeerAddress): boolean {
    if (this.#proven === undefined) return true;
    return peer === this.#heard ? this.#isHeardProven : this.#proven.has(peer.key, this.scheduler.now());
  }

  /** A datagram has come. */
  received(peer: PeerAddress, bytes: number, nowMs: number): void {
    this.#heard = peer;
    this.#isHeardProven = this.#proven?.hear(peer.key, nowMs) === true;
    if (!this.#isHeardProven) this.#ledger?.received(peer.key, bytes);
  }

  /** Whether a datagram that answers one may go; if so, it is counted. */
  tryAnswer(peer: PeerAddress, bytes: number): boolean {
    if (this.#ledger === undefined) return true;
    return (this.#proven !== undefined && this.isProven(peer)) || this.#ledger.tryTake(peer.key, bytes);
  }

  /** Whether an address should be asked now to prove itself; if so, it counts as asked. */
  tryAsk(peer: PeerAddress): boolean {
    if (this.#proven === undefined || this.isProven(peer)) return false;
    return this.#ledger === undefined || this.#ledger.tryAsk(peer.key, this.scheduler.now());
  }

  /** The token that an address must show. */
  tokenFor(peer: PeerAddress): Uint8Array {
    this.#counts.challenges++;
    return this.#tokens?.issue(peer, this.#epochMs) ?? new Uint8Array(0);
  }

  /** An address shows a token. @returns whether it has proved itself now */
  prove(peer: PeerAddress, token: Uint8Array): boolean {
    if (this.#tokens === undefined) return false;
    if (this.isProven(peer)) return true;
    if (!this.#tokens.accepts(token, peer, this.#epochMs)) {
      this.#counts.proofsRefused++;
      return false;
    }
    this.#counts.proofs++;
    this.#heard = undefined;
    this.#proven?.add(peer.key, this.scheduler.now());
    return true;
  }

  /** An address has proved itself in another way: it knows what was sent to it alone. */
  proved({ key }: PeerAddress): void {
    if (this.#proven === undefined) return;
    const nowMs = this.scheduler.now();
    this.#heard = undefined;
    if (!this.#proven.hear(key, nowMs)) this.#proven.add(key, nowMs);
  }

  /** Signs with other secrets from now on. @see AddressTokens.setSecrets */
  setSecrets(secrets: readonly Uint8Array[]): void {
    this.#tokens?.setSecrets(secrets);
  }

  stats(): ValidationStats | undefined {
    if (this.#proven === undefined) return undefined;
    return Object.freeze({ ...this.#counts, provenPeers: this.#proven.size });
  }

  get factor(): number {
    return this.#ledger?.factor ?? Infinity;
  }

  get #epochMs(): number {
    return this.scheduler.timeOrigin + this.scheduler.now();
  }
}
