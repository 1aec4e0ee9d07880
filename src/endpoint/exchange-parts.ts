import type { DatagramCodec } from '../codec/datagram-codec.js';
import { encodeFrame } from '../codec/frame-codec.js';
import type { Frame } from '../codec/frame.js';
import type { Packet } from '../codec/packet.js';
import type { PeerAddress } from '../common/peer-address.js';
import type { DeliveryBudget } from '../exchange/delivery-budget.js';
import type { PeerPaths } from '../exchange/peer-paths.js';
import type { MessageMemory } from '../exchange/message-memory.js';
import type { ReassemblyBudget } from '../exchange/reassembly-budget.js';
import type { Deadlines } from './deadlines.js';
import { MessageTooLargeError } from './endpoint.errors.js';
import type { ExchangeCounts } from './exchange-counts.js';
import type { ExchangeLimits } from './exchange.options.js';
import { CONTROL_PASSAGE, REFUSAL_PASSAGE } from './passage.js';
import type { Scheduler } from './scheduler.js';
import type { UdpEndpoint } from './udp-endpoint.js';
import type { Fate } from './uplink.js';

/** A codec that carries the exchange. */
export type ExchangeCodec = DatagramCodec & Required<Pick<DatagramCodec, 'restamp'>>;

/** What both halves of the exchange work with. */
export interface ExchangeParts {
  readonly endpoint: UdpEndpoint;
  readonly codec: ExchangeCodec;
  readonly scheduler: Scheduler;
  readonly deadlines: Deadlines;
  readonly paths: PeerPaths;
  readonly budget: ReassemblyBudget;
  /** Of replies and streams that have not arrived. */
  readonly deliveries: DeliveryBudget;
  /** Of large messages on their way out. */
  readonly memory: MessageMemory;
  readonly limits: ExchangeLimits;
  readonly counts: ExchangeCounts;
  /** This client instance: 16 hexadecimal digits. */
  readonly client: string;
  /** This server's life: 32 bits, never 0. */
  readonly epoch: number;
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number;
}

/** Whether a codec carries the exchange. */
export function carriesExchange(codec: DatagramCodec): codec is ExchangeCodec {
  return codec.exchange && codec.restamp !== undefined;
}

/**
 * Sends a frame the way that all datagrams take; one of the answering side as an answer. Frames go before others, and
 * the smallest of them in a class of their own; segments, which are many, leave as {@link OutgoingRun} says.
 */
export function postFrame({ endpoint }: ExchangeParts, frame: Frame, peer: PeerAddress, fate?: Fate): void {
  const data = encodeFrame(frame);
  const way = data.length <= MAX_CONTROL_BYTES ? CONTROL_PASSAGE : REFUSAL_PASSAGE;
  if (frame.client === undefined) endpoint.answer(data, peer, fate, way);
  else endpoint.post(data, peer, fate, way);
}

/** The packet in a message that came in segments; `undefined` when it holds none, or not exactly one. */
export function readMessage(
  { codec }: ExchangeParts,
  message: Uint8Array,
  peer: PeerAddress,
): Packet | undefined {
  try {
    const packet = codec.decode(message, peer) as Packet | readonly Packet[] | undefined;
    return packet !== undefined && 'kind' in packet ? packet : undefined;
  } catch {
    // Whatever a codec throws is the peer's fault, or the codec's: neither may end more than this message.
    return undefined;
  }
}

/**
 * @returns whether a message of so many bytes fits into one datagram; if not, it travels in segments
 * @throws {MessageTooLargeError} it fits into neither
 */
export function checkSize({ endpoint, limits }: ExchangeParts, bytes: number): boolean {
  const { maxDatagramSize } = endpoint;
  if (bytes <= maxDatagramSize) return true;
  if (maxDatagramSize < LEAST_SEGMENTED) throw new MessageTooLargeError(bytes, maxDatagramSize);
  if (bytes <= limits.maxMessageBytes) return false;
  throw new MessageTooLargeError(bytes, limits.maxMessageBytes, 'a message in segments');
}

// Larger ones could take the share of control for themselves.
const MAX_CONTROL_BYTES = 64;

// Smaller segments would be mostly head.
const LEAST_SEGMENTED = 256;
