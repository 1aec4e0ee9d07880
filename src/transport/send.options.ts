import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import { rankOf, TRAFFIC_CLASSES, type TrafficClassName } from '../common/traffic-class.js';
import { USUAL_PASSAGE, type Passage } from '../endpoint/passage.js';

/** What one `send()` of bytes chooses for itself. */
export interface UdpSendOptions {
  /** @default 'interactive' */
  readonly trafficClass?: TrafficClassName;
  /** Takes the datagram back when it is aborted while it still waits; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

/** What {@link UdpSendOptions} come to. */
export interface ResolvedSendOptions {
  readonly passage: Passage;
  readonly signal: AbortSignal | undefined;
}

/**
 * Read for each datagram, so without an option reader: that costs more than to send one.
 *
 * @throws {InvalidOptionError} naming the field
 */
export function resolveSendOptions(options: UdpSendOptions | undefined): ResolvedSendOptions {
  if (options === undefined) return NO_OPTIONS;
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key))
      throw new InvalidOptionError(key, `is not an option; known here: ${[...KNOWN].join(', ')}`);
  }
  const { trafficClass, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionError('signal', `must be an AbortSignal, got ${show(signal)}`);
  }
  return { passage: passageOfClass(trafficClass), signal };
}

/** The usual way, in a traffic class. @throws {InvalidOptionError} there is no such class */
export function passageOfClass(trafficClass: TrafficClassName | undefined): Passage {
  return trafficClass === undefined ? USUAL_PASSAGE : (PASSAGES[rankOf(trafficClass)] as Passage);
}

const NO_OPTIONS: ResolvedSendOptions = Object.freeze({ passage: USUAL_PASSAGE, signal: undefined });

const KNOWN: ReadonlySet<string> = new Set<keyof UdpSendOptions>(['signal', 'trafficClass']);

const PASSAGES: readonly Passage[] = TRAFFIC_CLASSES.map((name) =>
  Object.freeze({ ...USUAL_PASSAGE, rank: rankOf(name) }),
);
