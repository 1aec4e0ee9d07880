import type { ReplyStamp, RequestStamp } from './packet.js';

/**
 * The text of a stamp: lower case hexadecimal digits, big-endian, of fixed width, so that it can be written over.
 *
 * | request or event | digits | reply   | digits |
 * | ---------------- | ------ | ------- | ------ |
 * | client           | 16     | epoch   | 8      |
 * | attempt          | 2      | attempt | 2      |
 * | age              | 8      | held    | 8      |
 * | patience         | 8      |         |        |
 * | epoch            | 8      |         |        |
 * | event id, if any | 16     |         |        |
 */
export function stampToText(stamp: RequestStamp | ReplyStamp): string {
  const attempt = hex(Math.min(stamp.attempt, MAX_ATTEMPT), 2);
  if ('heldMs' in stamp) return hex(stamp.epoch, 8) + attempt + milliseconds(stamp.heldMs);
  const { client, ageMs, patienceMs, epoch, eventId = '' } = stamp;
  return client + attempt + milliseconds(ageMs) + milliseconds(patienceMs) + hex(epoch, 8) + eventId;
}

/** @returns `undefined` when the text is no stamp of a question */
export function textToRequestStamp(text: unknown): RequestStamp | undefined {
  if (typeof text !== 'string' || !REQUEST_STAMP.test(text)) return undefined;
  const patience = parseInt(text.slice(26, 34), 16);
  return {
    client: text.slice(0, 16),
    attempt: parseInt(text.slice(16, 18), 16),
    ageMs: parseInt(text.slice(18, 26), 16),
    patienceMs: patience === MAX_UINT32 ? Infinity : patience,
    epoch: parseInt(text.slice(34, 42), 16),
    eventId: text.length > 42 ? text.slice(42) : undefined,
  };
}

/** @returns `undefined` when the text is no stamp of a reply */
export function textToReplyStamp(text: unknown): ReplyStamp | undefined {
  if (typeof text !== 'string' || !REPLY_STAMP.test(text)) return undefined;
  return {
    epoch: parseInt(text.slice(0, 8), 16),
    attempt: parseInt(text.slice(8, 10), 16),
    heldMs: parseInt(text.slice(10), 16),
  };
}

/** Whether a request has an id that frames can carry: 64 bits as 16 lower case hexadecimal digits. */
export function isExchangeId(id: unknown): id is string {
  return typeof id === 'string' && EXCHANGE_ID.test(id);
}

function milliseconds(ms: number): string {
  return hex(Math.min(Math.max(0, Math.round(ms)), MAX_UINT32), 8);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const REQUEST_STAMP = /^[0-9a-f]{42}(?:[0-9a-f]{16})?$/;

const REPLY_STAMP = /^[0-9a-f]{18}$/;

const EXCHANGE_ID = /^[0-9a-f]{16}$/;

const MAX_ATTEMPT = 255;

// Of a patience it means "for ever".
const MAX_UINT32 = 0xffffffff;
