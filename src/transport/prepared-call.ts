import type { ProducerSerializer, ReadPacket } from '@nestjs/microservices';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import type { PacketMetadata } from '../codec/packet.js';
import type { Question } from '../endpoint/asking.js';
import { UdpRecord, type UdpRecordOptions } from './udp.record.js';

/** A call of a client: what goes to the codec, and what its record asks for. */
export interface PreparedCall {
  readonly question: Question;
  readonly options: UdpRecordOptions;
}

/**
 * Reads what Nest hands to a client.
 *
 * @returns a promise only where there is a serializer
 * @throws {InvalidOptionError} a pattern or metadata that no codec could say
 */
export function prepareCall(
  packet: ReadPacket,
  serializer: ProducerSerializer | undefined,
): PreparedCall | Promise<PreparedCall> {
  const record: unknown = packet.data;
  const { data, options } = record instanceof UdpRecord ? record : { data: record, options: NO_OPTIONS };
  const metadata = mergeMetadata(options.metadata, (packet as { metadata?: PacketMetadata }).metadata);
  const pattern: unknown = packet.pattern;
  if (!isPattern(pattern)) {
    throw new InvalidOptionError('pattern', `must be a text, a number or an object, got ${show(pattern)}`);
  }
  checkMetadata(metadata);
  const question: Question = { pattern, data, metadata };
  return serializer === undefined ? { question, options } : serialized({ question, options }, serializer);
}

async function serialized(
  { question, options }: PreparedCall,
  serializer: ProducerSerializer,
): Promise<PreparedCall> {
  const { pattern, data, metadata } = (await serializer.serialize(question as never)) as Partial<Question>;
  return { question: { pattern, data, metadata }, options };
}

function mergeMetadata(
  ofRecord: PacketMetadata | undefined,
  ofHook: PacketMetadata | undefined,
): PacketMetadata | undefined {
  if (ofRecord === undefined || ofHook === undefined) return ofRecord ?? ofHook;
  return { ...ofRecord, ...ofHook };
}

function isPattern(value: unknown): boolean {
  if (typeof value === 'object') return value !== null && !Array.isArray(value);
  return typeof value === 'string' || typeof value === 'number';
}

/** Servers drop a datagram whose metadata is anything else, and its caller would wait in vain. */
function checkMetadata(metadata: unknown): void {
  if (metadata === undefined) return;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new InvalidOptionError('metadata', `must be an object of texts, got ${show(metadata)}`);
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    throw new InvalidOptionError(`metadata.${key}`, `must be a text, got ${show(value)}`);
  }
}

const NO_OPTIONS: UdpRecordOptions = {};
