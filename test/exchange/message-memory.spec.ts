import { describe, expect, it } from '@jest/globals';
import { MessageMemory } from '../../src/exchange/message-memory.js';

describe('MessageMemory', () => {
  const KIB = 1024;

  it('hands out what has come back, for a message of about the same size', () => {
    const memory = new MessageMemory();
    const first = memory.take(200 * KIB);
    expect(first).toHaveLength(200 * KIB);
    memory.giveBack(first);
    const second = memory.take(170 * KIB);
    expect(second).toHaveLength(170 * KIB);
    expect(second.buffer).toBe(first.buffer);
  });

  it('gives none many times its size, for what is held is counted by messages', () => {
    const memory = new MessageMemory();
    const large = Array.from({ length: 4 }, () => memory.take(1000 * KIB));
    for (const message of large) memory.giveBack(message);
    for (let bytes = 64 * KIB; bytes < 1000 * KIB; bytes += 10_000) {
      expect(memory.take(bytes).buffer.byteLength).toBeLessThanOrEqual(1.25 * bytes);
    }
  });

  it('hands nothing out twice', () => {
    const memory = new MessageMemory();
    const [first, second] = [memory.take(100 * KIB), memory.take(100 * KIB)];
    expect(second.buffer).not.toBe(first.buffer);
    memory.giveBack(first);
    // As a message that is told of twice.
    memory.giveBack(first);
    expect(memory.take(100 * KIB).buffer).toBe(first.buffer);
    expect(memory.take(100 * KIB).buffer).not.toBe(first.buffer);
  });

  it('knows a message by any part of it', () => {
    const memory = new MessageMemory();
    const message = memory.take(100 * KIB);
    memory.giveBack(message.subarray(37));
    expect(memory.take(100 * KIB).buffer).toBe(message.buffer);
  });

  it('takes nothing back that it has not handed out', () => {
    const memory = new MessageMemory();
    memory.giveBack(Buffer.alloc(100 * KIB));
    memory.giveBack(new MessageMemory().take(100 * KIB));
    expect(memory.spareBytes).toBe(0);
  });

  it('leaves alone what fits in a datagram, which may be kept for long', () => {
    const memory = new MessageMemory();
    const reply = memory.take(65_507);
    expect(reply).toHaveLength(65_507);
    memory.giveBack(reply);
    memory.giveBack(memory.take(100 * KIB).subarray(0, 65_507));
    expect(memory.spareBytes).toBe(0);
  });

  it('finds room for one that is a little larger than the last', () => {
    const memory = new MessageMemory();
    const message = memory.take(1_000_088);
    memory.giveBack(message);
    expect(memory.take(1_000_100).buffer).toBe(message.buffer);
  });

  it('has nothing for one that is too large for all that is spare', () => {
    const memory = new MessageMemory();
    memory.giveBack(memory.take(100 * KIB));
    const large = memory.take(500 * KIB);
    expect(large).toHaveLength(500 * KIB);
    expect(memory.spareBytes).toBeGreaterThanOrEqual(100 * KIB);
  });

  it('keeps 4 MiB at the most, and those that came back last', () => {
    const memory = new MessageMemory();
    const small = Array.from({ length: 64 }, () => memory.take(64 * KIB));
    for (const message of small) memory.giveBack(message);
    expect(memory.spareBytes).toBe(4 * KIB * KIB);
    const large = Array.from({ length: 6 }, () => memory.take(1000 * KIB));
    for (const message of large) memory.giveBack(message);
    expect(memory.spareBytes).toBeGreaterThan(3 * KIB * KIB);
    expect(memory.spareBytes).toBeLessThanOrEqual(4 * KIB * KIB);
    const again = large.map(() => memory.take(1000 * KIB).buffer);
    expect(again.slice(0, 4)).toEqual(large.slice(2).map(({ buffer }) => buffer));
    expect(new Set([...again, ...large.map(({ buffer }) => buffer)]).size).toBe(8);
  });

  it('keeps nothing that is larger than all that it may keep', () => {
    const memory = new MessageMemory();
    memory.giveBack(memory.take(5 * KIB * KIB));
    expect(memory.spareBytes).toBe(0);
  });
});
