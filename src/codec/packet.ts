/** Ties a reply to its request. Our own are texts; a foreign peer may number its requests. */
export type PacketId = string | number;

/** Out-of-band values that travel beside the payload: a trace id, a tenant, a locale. */
export type PacketMetadata = Record<string, string>;

/** Asks for one or more replies with the same `id`. */
export interface RequestPacket {
  readonly kind: 'request';
  readonly id: PacketId;
  /** A text, a number, or an object whose keys Nest sorts. */
  readonly pattern: unknown;
  readonly data: unknown;
  readonly metadata?: PacketMetadata | undefined;
}

/** Tells something and expects no answer. */
export interface EventPacket {
  readonly kind: 'event';
  readonly pattern: unknown;
  readonly data: unknown;
  readonly metadata?: PacketMetadata | undefined;
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
export type TransportCode = 'no-handler' | 'closing' | 'too-large' | 'overflow' | (string & {});
