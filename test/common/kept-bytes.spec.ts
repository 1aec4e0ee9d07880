import { describe, expect, it } from '@jest/globals';
import { keptBytes } from '../../src/common/kept-bytes.js';

describe('bytes that are kept', () => {
  it.each([
    [1, 8192, 1],
    [1023, 8192, 1023],
    [1024, 8192, 8192],
    [0, 8192, 0],
    [100, 100, 100],
  ])('%p of %p hold %p bytes of memory', (bytes, memory, expected) => {
    const part = Buffer.from(new ArrayBuffer(memory), memory - bytes, bytes).fill(7);
    const kept = keptBytes(part);
    expect(kept.buffer.byteLength).toBe(expected);
    expect(kept.equals(part)).toBe(true);
  });

  it('are of the class that they were', () => {
    expect(Buffer.isBuffer(keptBytes(Buffer.from('pooled')))).toBe(true);
    expect(Buffer.isBuffer(keptBytes(new Uint8Array(8192).subarray(0, 3)))).toBe(false);
  });
});
