import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { PeerAddress } from '../common/peer-address.js';
import { UdpContext } from '../transport/udp.context.js';

/**
 * The peer that sent a message: `handle(@Payload() data, @Peer() peer: PeerAddress)`. `undefined` when the
 * message came over another transport.
 */
export const Peer: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext): PeerAddress | undefined => {
    const rpcContext: unknown = context.switchToRpc().getContext();
    return rpcContext instanceof UdpContext ? rpcContext.getPeer() : undefined;
  },
);
