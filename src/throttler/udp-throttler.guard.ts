import { Injectable, type ExecutionContext } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler';
import type { PeerAddress } from '../common/peer-address.js';
import { ipv6Prefix } from '../shaping/peer-key.js';
import { UdpContext } from '../transport/udp.context.js';

/** What a peer is told that has asked too often: the error of an `RpcException`. */
export interface ThrottledRefusal {
  readonly status: 'error';
  readonly code: 'throttled';
  /** As `ThrottlerModule` is told to say it. */
  readonly message: string;
  /** Milliseconds until the next request may be let in. */
  readonly retryAfterMs: number;
}

/**
 * `ThrottlerGuard` for handlers that are reached over UDP. It counts by the address that a datagram came from (an
 * IPv6 address by its /64), never by anything that the peer has written. Every other context, such as HTTP in a
 * hybrid application, is left to `ThrottlerGuard`.
 *
 * The guard of the package itself takes the payload for the request: all peers share one limit there, and one that
 * writes an `ip` into its payload picks its own.
 */
@Injectable()
export class UdpThrottlerGuard extends ThrottlerGuard {
  protected override getRequestResponse(
    context: ExecutionContext,
  ): ReturnType<ThrottlerGuard['getRequestResponse']> {
    const udp = udpContextOf(context);
    if (udp === undefined) return super.getRequestResponse(context);
    return { req: new UdpRequest(udp.getPeer()), res: NO_RESPONSE };
  }

  protected override async throwThrottlingException(
    context: ExecutionContext,
    detail: ThrottlerLimitDetail,
  ): Promise<void> {
    if (udpContextOf(context) === undefined) return super.throwThrottlingException(context, detail);
    const refusal: ThrottledRefusal = {
      status: 'error',
      code: 'throttled',
      message: await this.getErrorMessage(context, detail),
      // Storages tell whole seconds.
      retryAfterMs: 1000 * (detail.timeToBlockExpire > 0 ? detail.timeToBlockExpire : detail.timeToExpire),
    };
    throw new RpcException(refusal);
  }
}

/** What stands for a request: a `getTracker` of the application's finds here what it looks for in one of HTTP. */
class UdpRequest {
  [field: string]: unknown;
  /** What counts as one peer, as the guard's own tracker takes it: versions before 6.7 do not shorten addresses. */
  readonly ip: string;
  readonly headers = { 'user-agent': '' };

  constructor(readonly peer: PeerAddress) {
    this.ip = peer.family === 'IPv4' ? peer.address : `${ipv6Prefix(peer.address)}::/64`;
  }
}

function udpContextOf(context: ExecutionContext): UdpContext | undefined {
  if (context.getType() !== 'rpc') return undefined;
  const udp: unknown = context.switchToRpc().getContext();
  return udp instanceof UdpContext ? udp : undefined;
}

// Datagrams have no headers.
const NO_RESPONSE = { header: (): void => undefined };
