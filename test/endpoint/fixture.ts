import { OptionReader } from '../../src/common/option-reader.js';
import { PeerAddress } from '../../src/common/peer-address.js';
import { EndpointEvents, type DropEvent } from '../../src/endpoint/endpoint.events.js';
import {
  readEndpointOptions,
  type EndpointOptions,
  type UdpEndpointOptions,
} from '../../src/endpoint/endpoint.options.js';
import type { InboundDatagram } from '../../src/endpoint/downlink.js';
import { UdpEndpoint } from '../../src/endpoint/udp-endpoint.js';
import { systemEnvironment, type UdpEnvironment } from '../../src/endpoint/udp-environment.js';

export interface EndpointSetup extends UdpEndpointOptions {
  readonly host?: string;
  readonly port?: number;
}

/** Options as a user writes them, resolved. */
export function resolved({ host = '127.0.0.1', port = 0, ...options }: EndpointSetup = {}): EndpointOptions {
  const reader = new OptionReader(options, '');
  const endpointOptions = readEndpointOptions(reader, host, port);
  reader.refuseUnknown();
  return endpointOptions;
}

/** An endpoint that writes down what happens to it. */
export class Probe {
  readonly received: InboundDatagram[] = [];
  readonly drops: DropEvent[] = [];
  readonly errors: Error[] = [];
  readonly unobserved: Error[] = [];
  readonly unreachable: Error[] = [];
  readonly events = new EndpointEvents((error) => void this.unobserved.push(error));
  readonly endpoint: UdpEndpoint;
  #onReceived: (() => void) | undefined;

  constructor(options: EndpointOptions, environment: UdpEnvironment) {
    this.endpoint = new UdpEndpoint(options, this.events, environment);
    this.events.on('drop', (drop) => void this.drops.push(drop));
    this.endpoint.onUnreachable = (error) => void this.unreachable.push(error);
    this.endpoint.onDatagram = (datagram) => {
      this.received.push(datagram);
      this.#onReceived?.();
    };
  }

  get peer(): PeerAddress {
    const { address, port } = this.endpoint.address ?? { address: '127.0.0.1', port: 0 };
    return PeerAddress.of(address, port);
  }

  get texts(): string[] {
    return this.received.map(({ data }) => data.toString());
  }

  /** Resolves when this many datagrams have been delivered. */
  async receives(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onReceived = () => {
        if (this.received.length >= count) resolve();
      };
      this.#onReceived();
    });
  }
}

/** Makes bound endpoints, and closes all of them. */
export class Probes {
  readonly #open: UdpEndpoint[] = [];

  /** @param defaults of all that are made */
  constructor(
    private readonly environment: (host: string) => UdpEnvironment = () => systemEnvironment,
    private readonly defaults: EndpointSetup = {},
  ) {}

  make(setup: EndpointSetup = {}): Probe {
    const options = resolved({ ...this.defaults, ...setup });
    const probe = new Probe(options, this.environment(options.host));
    this.#open.push(probe.endpoint);
    return probe;
  }

  async bound(setup: EndpointSetup = {}): Promise<Probe> {
    const probe = this.make(setup);
    await probe.endpoint.bind();
    return probe;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((endpoint) => endpoint.close()));
  }
}

/** What a promise was rejected with; an error of its own when it was fulfilled. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  return new Error('was fulfilled');
}
