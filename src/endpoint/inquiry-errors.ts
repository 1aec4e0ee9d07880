import type { GoneReason } from '../codec/frame.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { RequestProgress } from '../exchange/request-progress.js';
import type { RequestTimes } from './asking.js';
import {
  OutcomeUnknownError,
  PeerBusyError,
  PeerRefusedError,
  RequestTimeoutError,
  StreamLostError,
} from './endpoint.errors.js';

/** What a request fails with that the peer knows nothing of, or will not take. */
export function goneError(reason: GoneReason, peer: PeerAddress, values: number): Error {
  switch (reason) {
    case 'outcome-unknown':
      return new OutcomeUnknownError(peer);
    case 'lease':
      return new StreamLostError(peer, values);
    default:
      return new PeerRefusedError(peer, reason, REASONS[reason]);
  }
}

/**
 * What a request fails with whose time is up: how far it came.
 *
 * @param retryAfterMs what the peer's last refusal asked for
 */
export function lateError(
  progress: RequestProgress,
  peer: PeerAddress,
  times: RequestTimes,
  values: number,
  retryAfterMs: number,
): Error {
  const { attempts, isHeld, isAnswered, isRefused } = progress;
  if (isRefused) return new PeerBusyError(peer, retryAfterMs, attempts);
  if (values > 0) return new RequestTimeoutError(peer, times.streamTimeoutMs, values, attempts, 'stream');
  const phase = attempts === 0 ? 'line' : isHeld || isAnswered ? 'running' : 'silent';
  return new RequestTimeoutError(peer, times.timeoutMs, 0, attempts, phase);
}

const REASONS = {
  'too-large': 'the message is larger than it takes',
  overflow: 'too much of other messages is there in part',
  closing: 'the service is closing',
  'no-handler': 'no handler takes it',
  failed: 'it cannot read the message',
} as const;
