import { InvalidOptionError } from '../common/invalid-option.error.js';
import { asDuration, OptionReader, show } from '../common/option-reader.js';

/** Whether, and how, addresses must prove that they receive what is sent to them. */
export interface AddressValidationOptions {
  /**
   * What tokens are signed with: 16 bytes or more, as bytes or text. The same for all processes that serve one
   * address, so that a client need not prove itself to each of them. Of a list the first one signs and all are
   * accepted: that is how to change it. @default random, new in each half of `lifetime`
   */
  readonly secret?: TokenSecret | readonly TokenSecret[];
  /**
   * Milliseconds that a token is good for at the longest (at the shortest half of it), and that a peer which is
   * silent stays proven. From 20000. @default 600000
   */
  readonly lifetime?: number;
  /** Proven peers that are remembered, 1 to 16777216; the one silent for longest is forgotten first. @default 65536 */
  readonly maxPeers?: number;
}

/** Text counts as its UTF-8 bytes. */
export type TokenSecret = string | Uint8Array;

/** What servers are told of strangers. */
export interface AmplificationOptions {
  /**
   * `true`: an address that has not proved itself is sent at most `amplificationFactor` times what it sent; clients
   * of this package prove it by themselves. For codecs that carry the exchange.
   * @default true unless `host` is an address of this machine alone (127.0.0.0/8, ::1, localhost)
   */
  readonly addressValidation?: boolean | AddressValidationOptions;
  /**
   * Bytes that answers may take for each byte that their address has sent, while it has not proved itself: with
   * codecs that do not carry the exchange, always. What `send()` and clients send is not counted. Above 0;
   * `Infinity` lifts it: only for protocols that prove addresses by themselves, or in networks where nobody
   * forges one.
   *
   * @see RFC 9000 section 8.1
   * @default 3; `Infinity` where `addressValidation` is off
   */
  readonly amplificationFactor?: number;
}

/** {@link AmplificationOptions} after reading. */
export interface AmplificationLimits {
  /** `Infinity`: none. */
  readonly factor: number;
  /** `undefined`: addresses cannot prove themselves. */
  readonly validation: ValidationLimits | undefined;
}

export interface ValidationLimits {
  readonly secrets: readonly Uint8Array[];
  readonly lifetimeMs: number;
  readonly maxPeers: number;
}

/**
 * @param host that is bound
 * @param canValidate whether the codec carries what proves an address
 * @throws {InvalidOptionError} naming the field
 */
export function readAmplification(
  reader: OptionReader,
  host: string,
  canValidate: boolean,
): AmplificationLimits {
  const asked = reader.read<ValidationLimits | undefined | boolean>(
    'addressValidation',
    asValidation,
    canValidate && !isLoopback(host),
  );
  if (asked !== false && asked !== undefined && !canValidate) {
    throw new InvalidOptionError('addressValidation', 'needs a codec that carries the exchange');
  }
  const validation = asked === true ? DEFAULTS : asked === false ? undefined : asked;
  const isOff = canValidate && validation === undefined;
  const factor = reader.read('amplificationFactor', asFactor, isOff ? Infinity : FACTOR);
  return Object.freeze({ factor, validation });
}

/** What holds on the sockets of clients, which answer nobody. */
export const NO_AMPLIFICATION_LIMITS: AmplificationLimits = Object.freeze({
  factor: Infinity,
  validation: undefined,
});

/** @throws {InvalidOptionError} naming the field */
export function asSecrets(value: unknown, field: string): readonly Uint8Array[] {
  if (!Array.isArray(value)) return [asSecret(value, field)];
  if (value.length === 0 || value.length > MAX_SECRETS) {
    throw new InvalidOptionError(field, `must have 1 to ${MAX_SECRETS} secrets, got ${value.length}`);
  }
  return value.map((each, index) => asSecret(each, `${field}[${index}]`));
}

function asValidation(value: unknown, field: string): ValidationLimits | boolean {
  if (typeof value === 'boolean') return value;
  const reader = new OptionReader(value, field);
  const limits = {
    secrets: reader.read<readonly Uint8Array[]>('secret', asSecrets, []),
    lifetimeMs: reader.read('lifetime', asLifetime, LIFETIME_MS),
    maxPeers: reader.integer('maxPeers', 1, 2 ** 24, MAX_PEERS),
  };
  reader.refuseUnknown();
  return Object.freeze(limits);
}

function asSecret(value: unknown, field: string): Uint8Array {
  const isBytes = value instanceof Uint8Array;
  if (!isBytes && typeof value !== 'string') {
    throw new InvalidOptionError(field, `must be bytes or text, got ${show(value)}`);
  }
  // A copy: whoever gave it may wipe theirs.
  const secret = isBytes ? Buffer.from(value) : Buffer.from(value, 'utf8');
  if (secret.length >= LEAST_SECRET_BYTES) return secret;
  throw new InvalidOptionError(
    field,
    `must be ${LEAST_SECRET_BYTES} bytes or more, so that nobody can guess it; got ${secret.length}`,
  );
}

function asLifetime(value: unknown, field: string): number {
  const lifetimeMs = asDuration(value, field);
  if (lifetimeMs >= LEAST_LIFETIME_MS && Number.isFinite(lifetimeMs)) return lifetimeMs;
  throw new InvalidOptionError(field, `must be ${LEAST_LIFETIME_MS} ms or more, got ${lifetimeMs}`);
}

function asFactor(value: unknown, field: string): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new InvalidOptionError(field, `must be a number above 0, got ${show(value)}`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

// RFC 9000 section 8.1.
const FACTOR = 3;

const LIFETIME_MS = 600_000;

// Half of it must last for a round trip and a client that is slow.
const LEAST_LIFETIME_MS = 20_000;

const MAX_PEERS = 65_536;

// RFC 2104 section 3 wants no less than the length of the hash's half that is used.
const LEAST_SECRET_BYTES = 16;

const MAX_SECRETS = 8;

const DEFAULTS: ValidationLimits = Object.freeze({
  secrets: [],
  lifetimeMs: LIFETIME_MS,
  maxPeers: MAX_PEERS,
});
