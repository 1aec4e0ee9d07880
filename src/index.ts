export { InvalidOptionError } from './common/invalid-option.error.js';
export { PeerAddress, type AddressFamily } from './common/peer-address.js';
export { ThrottledUdpError } from './common/throttled-udp.error.js';
export type { TrafficClassName } from './common/traffic-class.js';

export type { BandwidthOptions } from './shaping/bandwidth.options.js';
export type { ByteSize } from './shaping/byte-size.js';
export type { DownloadOptions, OnLimit } from './shaping/download.options.js';
export type { Overhead } from './shaping/overhead.js';
export type { PeerKeyOption } from './shaping/peer-key.js';
export type { PerPeerOptions } from './shaping/per-peer.options.js';
export type { HoldOptions, OverflowPolicy, QueueOptions } from './shaping/queue.options.js';
export { formatRate, parseRate, type Rate } from './shaping/rate.js';
export type { TrafficClassesOptions, TrafficClassOptions } from './shaping/traffic-class.options.js';

export type { DatagramCodec, EncodeContext } from './codec/datagram-codec.js';
export { JsonCodec, type JsonCodecOptions } from './codec/json.codec.js';
export { MalformedDatagramError } from './codec/malformed-datagram.error.js';
export type {
  ControlPacket,
  EventPacket,
  InboundPacket,
  Packet,
  PacketId,
  PacketMetadata,
  RawPacket,
  ReplyPacket,
  ReplyStamp,
  RequestPacket,
  RequestStamp,
  TransportCode,
} from './codec/packet.js';
export { RawCodec } from './codec/raw.codec.js';

export type {
  DatagramSocket,
  DatagramSocketEvents,
  DatagramSocketFactory,
  LazyBytes,
  OutgoingDatagram,
  ReceivedDatagram,
} from './endpoint/datagram-socket.js';
export {
  BindError,
  DatagramDroppedError,
  DriverUnavailableError,
  EndpointClosedError,
  HostNotFoundError,
  MessageTooLargeError,
  OutcomeUnknownError,
  PeerBusyError,
  PeerRefusedError,
  PeerUnreachableError,
  QueueOverflowError,
  QueueTimeoutError,
  RequestAbortedError,
  RequestTimeoutError,
  SendFailedError,
  StreamLostError,
  TooManyPeersError,
  TooManyRequestsError,
  UnprovenAddressError,
} from './endpoint/endpoint.errors.js';
export type { DropEvent, OverflowEvent, UdpEvents } from './endpoint/endpoint.events.js';
export type {
  AddressValidationOptions,
  AmplificationOptions,
  TokenSecret,
} from './endpoint/address-validation.options.js';
export type { DriverChoice } from './endpoint/driver-choice.js';
export type { UdpEndpointOptions } from './endpoint/endpoint.options.js';
export type {
  AskingOptions,
  DuplicateOptions,
  ReassemblyOptions,
  UndeliveredOptions,
  ServingOptions,
} from './endpoint/exchange.options.js';
export type { PeerLike } from './endpoint/host-cache.js';
export type { Scheduler } from './endpoint/scheduler.js';
export type {
  MulticastGroup,
  MulticastOptions,
  SocketOptions,
  UdpSocketOptions,
} from './endpoint/socket.options.js';
export type { SourceFilter } from './endpoint/source-filter.js';
export type { SourceFilterOptions } from './endpoint/source-filter.options.js';
export type {
  Adjustable,
  HandlerThrottle,
  PeerThrottle,
  Throttle,
  UploadThrottle,
} from './endpoint/throttle.js';
export type { UdpEnvironment } from './endpoint/udp-environment.js';

export type { DropCount } from './telemetry/drop-counters.js';
export type {
  BacklogStats,
  BoundAddress,
  ClassStats,
  DirectionStats,
  EndpointStats,
  ExchangeStats,
  HandlerLimitStats,
  HandlerStats,
  LimitStats,
  PacketStats,
  PeerStats,
  ValidationStats,
} from './telemetry/stats.js';
export type { TrafficStats } from './telemetry/traffic-figures.js';

export { AsyncIterableInterceptor } from './transport/async-iterable.interceptor.js';
export type { ThrottledUdpCallOptions, ThrottledUdpClientOptions } from './transport/client.options.js';
export { Bandwidth, TrafficClass, Unmetered } from './transport/handler-terms.decorators.js';
export { OnDatagram } from './transport/on-datagram.decorator.js';
export type { UdpSendOptions } from './transport/send.options.js';
export { ThrottledUdpClient, type ClientStats } from './transport/throttled-udp.client.js';
export { ThrottledUdpTransport, type TransportStats } from './transport/throttled-udp.transport.js';
export { getTransportId } from './transport/transport-id.js';
export type { ThrottledUdpTransportOptions } from './transport/transport.options.js';
export { UdpContext } from './transport/udp.context.js';
export { UdpRecord, UdpRecordBuilder, type UdpRecordOptions } from './transport/udp.record.js';

export type {
  AsyncWays,
  ClientRegistration,
  OwnSocketClient,
  SharedSocketClient,
  ThrottledUdpClientModuleAsyncOptions,
  ThrottledUdpClientModuleOptions,
  ThrottledUdpClientOptionsFactory,
  ThrottledUdpModuleAsyncOptions,
  ThrottledUdpModuleOptions,
  ThrottledUdpOptionsFactory,
} from './module/module.options.js';
export { Peer } from './module/peer.decorator.js';
export { ThrottledUdpModule } from './module/throttled-udp.module.js';
export { getTransportToken, InjectTransport, throttledUdp } from './module/tokens.js';
