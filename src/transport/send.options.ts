import { InvalidOptionError } from '../common/invalid-option.error.js';
import { OptionReader, show } from '../common/option-reader.js';
import { rankOf, type ClassRank, type TrafficClassName } from '../common/traffic-class.js';
import { USUAL_PASSAGE, type Passage } from '../endpoint/passage.js';

/** What one `send()` of bytes chooses for itself. */
export interface UdpSendOptions {
  /** @default 'interactive' */
  readonly trafficClass?: TrafficClassName;
  /** Takes the datagram back when it is aborted while it still waits; the promise is rejected with its reason. */
  readonly signal?: AbortSignal;
}

/** @throws {InvalidOptionError} naming the field */
export function resolveSendOptions(options: UdpSendOptions | undefined): {
  readonly passage: Passage;
  readonly signal: AbortSignal | undefined;
} {
  const reader = new OptionReader(options, '');
  const rank = reader.read<ClassRank | undefined>('trafficClass', rankOf, undefined);
  const signal = reader.read<AbortSignal | undefined>('signal', asSignal, undefined);
  reader.refuseUnknown();
  return { passage: passageOfRank(rank), signal };
}

/** The usual way, in a traffic class. */
export function passageOfRank(rank: ClassRank | undefined): Passage {
  return rank === undefined ? USUAL_PASSAGE : { ...USUAL_PASSAGE, rank };
}

function asSignal(value: unknown, field: string): AbortSignal {
  if (value instanceof AbortSignal) return value;
  throw new InvalidOptionError(field, `must be an AbortSignal, got ${show(value)}`);
}
