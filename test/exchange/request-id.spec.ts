import { describe, expect, it } from '@jest/globals';
import { randomFillSync } from 'node:crypto';
import { requestIdSource } from '../../src/exchange/request-id.js';

describe('requestIdSource', () => {
  it('writes 64 bits as 16 hexadecimal digits, leading zeros included', () => {
    let next = 0;
    const createId = requestIdSource((target) =>
      target.forEach((_, index) => (target[index] = next++ & 0xff)),
    );
    expect(createId()).toBe('0001020304050607');
    expect(createId()).toBe('08090a0b0c0d0e0f');
  });

  it.each([
    [0x00, '0000000000000000'],
    [0xff, 'ffffffffffffffff'],
  ])('writes bytes of %p as %s', (byte, id) => {
    expect(requestIdSource((target) => target.fill(byte))()).toBe(id);
  });

  it('asks for random bytes once for 512 ids', () => {
    let calls = 0;
    const createId = requestIdSource((target) => {
      calls++;
      target.fill(calls);
    });
    for (let count = 0; count < 512; count++) expect(createId()).toBe('01'.repeat(8));
    expect(calls).toBe(1);
    expect(createId()).toBe('02'.repeat(8));
    expect(calls).toBe(2);
  });

  it('repeats none of 100000 ids', () => {
    const createId = requestIdSource(randomFillSync);
    expect(new Set(Array.from({ length: 100_000 }, createId)).size).toBe(100_000);
  });
});
