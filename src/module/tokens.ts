import { Inject } from '@nestjs/common';
import type { AsyncMicroserviceOptions } from '@nestjs/microservices';
import { DEFAULT_TRANSPORT } from '../transport/transport-id.js';
import { ThrottledUdpTransport } from '../transport/throttled-udp.transport.js';

/**
 * The injection token of a transport: the class itself for the default one, a text for a named one.
 *
 * @param name the `name` that was given to `forRoot`
 */
export function getTransportToken(name: string = DEFAULT_TRANSPORT): typeof ThrottledUdpTransport | string {
  return name === DEFAULT_TRANSPORT ? ThrottledUdpTransport : `ThrottledUdpTransport:${name}`;
}

/** Injects a transport: `constructor(@InjectTransport('dht') private readonly udp: ThrottledUdpTransport)`. */
export function InjectTransport(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getTransportToken(name));
}

/**
 * What `NestFactory.createMicroservice` and `app.connectMicroservice` take to serve a transport of
 * `ThrottledUdpModule`.
 *
 * @param name the `name` that was given to `forRoot`
 */
export function throttledUdp(name?: string): AsyncMicroserviceOptions {
  return {
    inject: [getTransportToken(name)],
    useFactory: (strategy: ThrottledUdpTransport) => ({ strategy }),
  };
}
