/** The name of a transport that was given none. */
export const DEFAULT_TRANSPORT = 'default';

/**
 * The transport id that ties handlers to one of several transports:
 * `@MessagePattern('ping', getTransportId('dht'))`. Handlers without an id register on all.
 *
 * @param name the `name` option of the transport
 */
export function getTransportId(name: string = DEFAULT_TRANSPORT): symbol {
  return Symbol.for(`throttled-udp:${name}`);
}
