import { MessagePattern } from '@nestjs/microservices';

/**
 * A handler of raw datagrams, for codecs that leave them raw, such as `RawCodec`. Several such handlers all
 * run, and each defined value that one returns is sent back.
 *
 * @param transportId binds it to one of several transports; see `getTransportId`
 */
export function OnDatagram(transportId?: symbol): MethodDecorator {
  return transportId === undefined
    ? MessagePattern(DATAGRAM_ROUTE)
    : MessagePattern(DATAGRAM_ROUTE, transportId);
}

/** Marks raw handlers among Nest's patterns. It is no route: a peer that writes it finds nothing. */
export const DATAGRAM_ROUTE = '@OnDatagram';
