import { MessagePattern } from '@nestjs/microservices';

/**
 * A handler of raw datagrams, for codecs that leave them raw, such as `RawCodec`. Several such handlers all
 * run, and each defined value that one returns is sent back.
 *
 * @param transportId binds it to one of several transports; see `getTransportId`. Beside transports of other kinds
 *   it is needed: Nest gives a handler without one to those too, where `'@OnDatagram'` is a pattern as any other
 */
export function OnDatagram(transportId?: symbol): MethodDecorator {
  return transportId === undefined
    ? MessagePattern(DATAGRAM_ROUTE)
    : MessagePattern(DATAGRAM_ROUTE, transportId);
}

/** Marks raw handlers among Nest's patterns. It is no route here: a peer that writes it over UDP finds nothing. */
export const DATAGRAM_ROUTE = '@OnDatagram';
