/** Ties a reply to its request. Our own are texts; a foreign peer may number its requests. */
export type PacketId = string | number;

/** Out-of-band values that travel beside the payload: a trace id, a tenant, a locale. */
export type PacketMetadata = Record<string, string>;

/**
 * What the exchange of this project writes beside a question. A peer without one speaks Nest's plain JSON only.
 */
export interface RequestStamp {
  /** The client instance: 64 random bits, 16 hexadecimal digits. With the id it names the request for good. */
  readonly client: string;
  /** How often this request was sent, this time included, from 1; 255 stands for that or more. */
  readonly attempt: number;
  /** Milliseconds since it was sent first, by the client's clock. */
  readonly ageMs: number;
  /** Milliseconds that the client goes on waiting; `Infinity` for ever. */
  readonly patienceMs: number;
  /** Life of the server that the client last heard of; 0 when it knows of none. */
  readonly epoch: number;
  /** Of a confirmable event: the name that it is acknowledged by, 16 hexadecimal digits. */
  readonly eventId?: string | undefined;
}

/** What the exchange of this project writes beside a reply. */
export interface ReplyStamp {
  /** The life of the server: 32 random bits, never 0. */
  readonly epoch: number;
  /** The attempt that is answered. */
  readonly attempt: number;
  /** Milliseconds from the arrival of that attempt to the departure of the reply. */
  readonly heldMs: number;
}

/** Asks for one or more replies with the same `id`. */
export interface RequestPacket {
  readonly kind: 'request';
  readonly id: PacketId;
  /** A text, a number, or an object whose keys Nest sorts. */
  readonly pattern: unknown;
  readonly data: unknown;
  readonly metadata?: PacketMetadata | undefined;
  /** Set by peers that speak the exchange; never seen by serializers and deserializers. */
  readonly stamp?: RequestStamp | undefined;
}

/** Tells something and expects no answer. */
export interface EventPacket {
  readonly kind: 'event';
  readonly pattern: unknown;
  readonly data: unknown;
  readonly metadata?: PacketMetadata | undefined;
  /** Set on confirmable events of peers that speak the exchange. */
  readonly stamp?: RequestStamp | undefined;
}

/** One value, the end, or the failure of a request. */
export interface ReplyPacket {
  readonly kind: 'reply';
  readonly id: PacketId;
  /** The value; `undefined` in a reply that only ends the request. */
  readonly response?: unknown;
  /** What an application handler failed with. */
  readonly err?: unknown;
  /** Nest's word beside an error of the transport: `'error'`. */
  readonly status?: string | undefined;
  /** Nothing follows this reply. */
  readonly isDisposed?: boolean | undefined;
  /** Set when the transport itself refused the request, so that its errors differ from an application's. */
  readonly code?: TransportCode | undefined;
  /** Set towards and by peers that speak the exchange. */
  readonly stamp?: ReplyStamp | undefined;
}

/** Bytes that no pattern names: for `@OnDatagram()` handlers. */
export interface RawPacket {
  readonly kind: 'raw';
  /** Incoming: the payload. Outgoing: what the handler returned; bytes or text for {@link RawCodec}. */
  readonly data: unknown;
}

/** A word between transports, never seen by handlers. */
export interface ControlPacket {
  readonly kind: 'control';
  /** What is said: `'busy'`, `'pending'`, `'ack'` and so on, as PROTOCOL.md lists them. */
  readonly type: string;
  /** The request it belongs to, when it belongs to one. */
  readonly id?: PacketId | undefined;
  /** What the type needs beside its name. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

/** What a datagram says, told apart by `kind`. */
export type Packet = RequestPacket | EventPacket | ReplyPacket | RawPacket | ControlPacket;

/** A packet that a server answers with its handlers. */
export type InboundPacket = RequestPacket | EventPacket | RawPacket;

/** Why a transport, not an application, ended a request. Unknown codes of later versions pass through. */
export type TransportCode =
  'no-handler' | 'closing' | 'too-large' | 'overflow' | 'busy' | 'unproven' | (string & {});
