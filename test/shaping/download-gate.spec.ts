import { describe, expect, it } from '@jest/globals';
import { DownloadGate } from '../../src/shaping/download-gate.js';
import { resolveDownload } from '../../src/shaping/download.options.js';
import { TERMS, TestDatagram } from '../support/shaped.js';

// At 1000 B/s a byte takes a millisecond.
describe('DownloadGate', () => {
  describe("with onLimit 'delay'", () => {
    it('holds what exceeds the rate and hands it on in order', () => {
      const gate = create({ rate: 1000, burst: 500 });
      expect([offer(gate, 500, 0), offer(gate, 300, 0), offer(gate, 100, 0)]).toEqual([
        'pass',
        'queued',
        'queued',
      ]);
      expect([gate.nextEventMs(0), gate.release(299), gate.release(300)?.bytes]).toEqual([
        300,
        undefined,
        300,
      ]);
      expect([gate.release(399), gate.release(400)?.bytes, gate.queuedBytes]).toEqual([undefined, 100, 0]);
    });

    it('holds 256 KiB unless told otherwise, and then drops the oldest of the peer of which most waits', () => {
      const dropped: [bytes: number, reason: string][] = [];
      const gate = create({ rate: '100 kB/s', burst: 1 }, ({ bytes }, reason) =>
        dropped.push([bytes, reason]),
      );
      offer(gate, 100, 0);
      const sizes = [65_507, 65_506, 65_505, 65_504];
      expect(sizes.map((bytes) => offer(gate, bytes, 0))).toEqual(Array(4).fill('queued'));
      expect([offer(gate, 122, 0), dropped]).toEqual(['queued', []]);
      expect([offer(gate, 1, 0), dropped]).toEqual(['queued', [[65_507, 'overflow']]]);
    });

    it('refuses as overflow what it cannot hold when told to reject', () => {
      const gate = create({ rate: '100 kB/s', burst: 1, overflow: 'reject' });
      offer(gate, 100, 0);
      const verdicts = Array.from({ length: 5 }, () => offer(gate, 65_507, 0));
      expect(verdicts).toEqual(['queued', 'queued', 'queued', 'queued', 'overflow']);
      expect(offer(gate, 262_144 - 4 * 65_507, 0)).toBe('queued');
      expect(offer(gate, 1, 0)).toBe('overflow');
    });

    it('refuses as expired what it cannot hand on in time', () => {
      const gate = create({ rate: 1000, burst: 500, maxAge: 300 });
      expect([offer(gate, 500, 0), offer(gate, 300, 0), offer(gate, 1, 0)]).toEqual([
        'pass',
        'queued',
        'expired',
      ]);
    });

    it('drops what a pause has made too old', () => {
      const gate = create({ rate: 1000, burst: 500, maxAge: 300 });
      gate.pause(0);
      expect(offer(gate, 1, 0)).toBe('queued');
      expect([gate.nextEventMs(0), gate.expire(300), gate.expire(301)?.bytes]).toEqual([301, undefined, 1]);
    });
  });

  describe("with onLimit 'drop'", () => {
    it('passes what conforms, refuses the rest as exceeded, and holds nothing', () => {
      const gate = create({ rate: 1000, burst: 500, onLimit: 'drop' });
      const rows = [
        [0, 400, 'pass'],
        [0, 200, 'exceeded'],
        // A smaller one may pass where a larger one was refused: nothing waits here.
        [0, 100, 'pass'],
        [0, 1, 'exceeded'],
        [99, 100, 'exceeded'],
        [100, 100, 'pass'],
        [600, 2000, 'pass'],
        [2099, 0, 'exceeded'],
        [2100, 0, 'pass'],
      ] as const;
      for (const [atMs, bytes, verdict] of rows) {
        expect([atMs, bytes, offer(gate, bytes, atMs)]).toEqual([atMs, bytes, verdict]);
      }
      expect([gate.queuedDatagrams, gate.nextEventMs(2100)]).toEqual([0, Infinity]);
    });

    it('refuses everything during a pause', () => {
      const gate = create({ rate: 1000, burst: 500, onLimit: 'drop' });
      gate.pause(0);
      expect(offer(gate, 0, 0)).toBe('exceeded');
      gate.resume(100);
      expect(offer(gate, 500, 100)).toBe('pass');
    });
  });

  it('passes everything without a limit', () => {
    const gate = create(undefined);
    for (let nth = 0; nth < 1000; nth++) expect(offer(gate, 65_507, 0)).toBe('pass');
  });
});

function create(
  download: unknown,
  onDrop: (item: TestDatagram, reason: string) => void = () => {},
): DownloadGate<TestDatagram> {
  const { bandwidth, queue, onLimit } = resolveDownload(download, 'download');
  return new DownloadGate({ ...TERMS, bandwidth, queue }, onLimit, 0, onDrop);
}

function offer(gate: ReturnType<typeof create>, bytes: number, nowMs: number): string {
  return gate.offer(new TestDatagram({ bytes }), nowMs);
}
