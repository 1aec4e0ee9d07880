import { hexAt } from '../common/hex.js';
import type { ReplyStamp, RequestStamp } from './packet.js';

/**
 * Writes the text of a stamp over bytes: lower case hexadecimal digits, big-endian, of fixed width, so that it can be
 * written over again.
 *
 * | request or event | digits | reply   | digits |
 * | ---------------- | ------ | ------- | ------ |
 * | client           | 16     | epoch   | 8      |
 * | attempt          | 2      | attempt | 2      |
 * | age              | 8      | held    | 8      |
 * | patience         | 8      |         |        |
 * | epoch            | 8      |         |        |
 * | event id, if any | 16     |         |        |
 *
 * @returns where it ends
 */
export function writeStamp(bytes: Uint8Array, at: number, stamp: RequestStamp | ReplyStamp): number {
  if ('heldMs' in stamp) {
    const { epoch, attempt, heldMs } = stamp;
    const middle = writeHex(bytes, writeHex(bytes, at, epoch, 8), Math.min(attempt, MAX_ATTEMPT), 2);
    return writeHex(bytes, middle, wholeMs(heldMs), 8);
  }
  const { client, attempt, ageMs, patienceMs, epoch, eventId = '' } = stamp;
  let end = writeText(bytes, at, client);
  end = writeHex(bytes, end, Math.min(attempt, MAX_ATTEMPT), 2);
  end = writeHex(bytes, end, wholeMs(ageMs), 8);
  end = writeHex(bytes, end, wholeMs(patienceMs), 8);
  return writeText(bytes, writeHex(bytes, end, epoch, 8), eventId);
}

/** A text as long as that of a stamp, to be written over. */
export function blankStamp(stamp: RequestStamp | ReplyStamp): string {
  if ('heldMs' in stamp) return BLANK_REPLY;
  return stamp.eventId === undefined ? BLANK_QUESTION : BLANK_EVENT;
}

/** @returns `undefined` when the text is no stamp of a question */
export function textToRequestStamp(text: unknown): RequestStamp | undefined {
  if (typeof text !== 'string' || !isHex(text)) return undefined;
  if (text.length !== QUESTION_DIGITS && text.length !== EVENT_DIGITS) return undefined;
  const patience = hexAt(text, 26, 8);
  return {
    client: text.slice(0, 16),
    attempt: hexAt(text, 16, 2),
    ageMs: hexAt(text, 18, 8),
    patienceMs: patience === MAX_UINT32 ? Infinity : patience,
    epoch: hexAt(text, 34, 8),
    eventId: text.length > QUESTION_DIGITS ? text.slice(QUESTION_DIGITS) : undefined,
  };
}

/** @returns `undefined` when the text is no stamp of a reply */
export function textToReplyStamp(text: unknown): ReplyStamp | undefined {
  if (typeof text !== 'string' || text.length !== REPLY_DIGITS || !isHex(text)) return undefined;
  return { epoch: hexAt(text, 0, 8), attempt: hexAt(text, 8, 2), heldMs: hexAt(text, 10, 8) };
}

/** Whether a request has an id that frames can carry: 64 bits as 16 lower case hexadecimal digits. */
export function isExchangeId(id: unknown): id is string {
  return typeof id === 'string' && EXCHANGE_ID.test(id);
}

function wholeMs(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), MAX_UINT32);
}

// Digit by digit: texts that are made to be thrown away cost more than all of a stamp.
function writeHex(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = DIGITS.charCodeAt(rest & 15);
    rest >>>= 4;
  }
  return at + digits;
}

function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function isHex(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false;
  }
  return true;
}

const DIGITS = '0123456789abcdef';

const QUESTION_DIGITS = 42;

const EVENT_DIGITS = QUESTION_DIGITS + 16;

const REPLY_DIGITS = 18;

const BLANK_REPLY = '0'.repeat(REPLY_DIGITS);

const BLANK_QUESTION = '0'.repeat(QUESTION_DIGITS);

const BLANK_EVENT = '0'.repeat(EVENT_DIGITS);

const EXCHANGE_ID = /^[0-9a-f]{16}$/;

const MAX_ATTEMPT = 255;

// Of a patience it means "for ever".
const MAX_UINT32 = 0xffffffff;
