import { describe, expect, it } from '@jest/globals';
import { resolveBandwidth } from '../../src/shaping/bandwidth.options.js';
import { resolveQueue } from '../../src/shaping/queue.options.js';
import { UploadShaper } from '../../src/shaping/upload-shaper.js';

describe('UploadShaper', () => {
  it('sends 486-byte datagrams at 100 B/s every 4.86 s', () => {
    const shaper = create({ rate: '100 B/s' });
    const verdicts = [1, 2, 3, 4].map(() => shaper.offer({ bytes: 486, queuedAtMs: 0 }, 0));
    expect(verdicts).toEqual(['pass', 'queued', 'queued', 'queued']);
    const leftMs: number[] = [];
    for (let nowMs = 0; (nowMs = shaper.nextEventMs(nowMs)) !== Infinity;) {
      expect(shaper.release(nowMs)?.bytes).toBe(486);
      leftMs.push(nowMs);
    }
    expect(leftMs).toEqual([4860, 9720, 14_580]);
  });

  it('refuses as expired what the default 30 s do not suffice for', () => {
    const shaper = create({ rate: '100 B/s' });
    const verdicts = Array.from({ length: 9 }, () => shaper.offer({ bytes: 486, queuedAtMs: 0 }, 0));
    // The seventh would leave at 29.16 s, the eighth at 34.02 s.
    expect(verdicts).toEqual(['pass', ...Array<string>(6).fill('queued'), 'expired', 'expired']);
  });

  it('passes everything at once without a limit', () => {
    const shaper = create(undefined);
    for (let nth = 0; nth < 10_000; nth++) {
      expect(shaper.offer({ bytes: 65_507, queuedAtMs: 0 }, 0)).toBe('pass');
    }
    expect([shaper.queuedDatagrams, shaper.nextEventMs(0)]).toEqual([0, Infinity]);
  });
});

function create(upload: unknown): UploadShaper<{ bytes: number; queuedAtMs: number }> {
  return new UploadShaper(resolveBandwidth(upload, 'upload'), resolveQueue(undefined, 'queue'), 0);
}
