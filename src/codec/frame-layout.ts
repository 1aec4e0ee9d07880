import type { Frame, FrameHead, GoneReason } from './frame.js';

/** All but flags and life, which are different in frames of one run. */
export function encodeHead(
  kind: Frame['kind'],
  { id, client }: Pick<FrameHead, 'id' | 'client'>,
  bytes: Buffer,
): void {
  const isAsking = client !== undefined;
  bytes[0] = FRAME_MARK;
  bytes[1] = FRAME_VERSION;
  bytes[2] = CODES[kind] | (isAsking ? ASKING : 0);
  bytes.write(id, ID_AT, 'hex');
  if (isAsking) bytes.write(client, CLIENT_AT, 'hex');
}

export function headBytesOf({ client }: Pick<FrameHead, 'client'>): number {
  return client === undefined ? HEAD_BYTES : ASKING_HEAD_BYTES;
}

/** Bytes of a segment frame beside its payload. */
export function segmentOverhead(isAsking: boolean, isFirst: boolean): number {
  const ofSide = isAsking ? ASKING_HEAD_BYTES + AGE_BYTES : HEAD_BYTES;
  return ofSide + SEQ_BYTES + (isFirst ? LENGTH_BYTES : 0);
}

// Valid as the first byte of neither UTF-8 (RFC 3629 section 3) nor MessagePack.
export const FRAME_MARK = 0xc1;

export const FRAME_VERSION = 1;

export const CODES = {
  pending: 1,
  busy: 2,
  gone: 3,
  challenge: 4,
  received: 5,
  cancelled: 6,
  ack: 7,
  segment: 8,
  cancel: 9,
  probe: 10,
  proof: 11,
} as const;

/** Set in the code of frames that the asking side sends. */
export const ASKING = 0x40;

export const GONE_REASONS: readonly GoneReason[] = [
  'outcome-unknown',
  'lease',
  'too-large',
  'overflow',
  'closing',
  'no-handler',
  'failed',
];

export const FLAGS_AT = 3;

export const ID_AT = 4;

export const EPOCH_AT = 12;

export const CLIENT_AT = 16;

export const HEAD_BYTES = 16;

export const ASKING_HEAD_BYTES = 24;

export const AGE_BYTES = 4;

export const SEQ_BYTES = 4;

export const LENGTH_BYTES = 4;

export const FIRST = 1;

export const LAST = 2;

export const END = 4;

export const WANTS_ACK = 8;

export const WANTS_ANSWER = 1;

export const REFUSAL = 1;

export const TOKEN_BYTES = 16;

// 256 segments: with it an acknowledgement is 62 bytes long at the most.
export const MAX_BITMAP_BYTES = 32;
