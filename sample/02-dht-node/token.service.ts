import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/**
 * Tokens that only the owner of an address can know: it got them in an answer. Nothing is stored for them.
 *
 * @see BEP 5, "announce_peer"
 */
@Injectable()
export class TokenService {
  readonly #secret = randomBytes(32);

  create(address: string, nowMs = Date.now()): Buffer {
    return this.#tokenOf(address, Math.trunc(nowMs / PERIOD_MS));
  }

  /** Whether a token was made for this address in the last five to ten minutes. */
  isValid(token: unknown, address: string, nowMs = Date.now()): boolean {
    if (!Buffer.isBuffer(token) || token.length !== TOKEN_BYTES) return false;
    const period = Math.trunc(nowMs / PERIOD_MS);
    return [period, period - 1].some((time) => timingSafeEqual(token, this.#tokenOf(address, time)));
  }

  #tokenOf(address: string, period: number): Buffer {
    return createHmac('sha256', this.#secret)
      .update(`${address} ${period}`)
      .digest()
      .subarray(0, TOKEN_BYTES);
  }
}

const PERIOD_MS = 5 * 60_000;

const TOKEN_BYTES = 8;
