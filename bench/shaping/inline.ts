/** One way of offering datagrams that all pass, in a process of its own: time, and bytes of heap. */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from '../../src/shaping/fair-shaper.js';
import { leastNs, serve } from './child.js';
import {
  BenchDatagram,
  check,
  createHandlerLimit,
  createPeers,
  createShaper,
  DATAGRAM_BYTES,
} from './work.js';

export interface InlineSettings {
  /** `nothing` makes the same datagrams and lets all of them pass: what the caller pays anyway. */
  readonly through: 'shaper' | 'nothing';
  readonly perPeer: boolean;
  readonly handler: boolean;
}

export interface InlineResult {
  readonly nsPerDatagram: number;
  readonly heapBytesPerDatagram: number;
  /** Collections while the heap was looked at: must be 0. */
  readonly collections: number;
}

interface Gate {
  offer(item: BenchDatagram, nowMs: number): Verdict;
}

/** Keeps the last datagram, as the shaper's caller does: or the compiler would not make any. */
class Nothing implements Gate {
  last: BenchDatagram | undefined;

  offer(item: BenchDatagram): Verdict {
    this.last = item;
    return 'pass';
  }
}

serve(async ({ through, perPeer, handler }: InlineSettings): Promise<InlineResult> => {
  const limit = handler ? createHandlerLimit('100 GB/s') : undefined;
  const gate: Gate =
    through === 'nothing'
      ? new Nothing()
      : createShaper({ upload: '100 GB/s', ...(perPeer ? { perPeer: { upload: '1 GB/s' } } : {}) });
  const peers = createPeers(PEERS);
  let nowMs = 0;
  let last: BenchDatagram | undefined;
  const offerAll = (): void => {
    for (let i = 0; i < DATAGRAMS; i++) {
      // Integers, in steps: a fraction would be a new object for each call, and that is the caller's.
      if (i % DATAGRAMS_A_MS === 0) nowMs++;
      last = new BenchDatagram(peers[i % PEERS]!, DATAGRAM_BYTES, limit);
      check(gate.offer(last, nowMs) === 'pass', 'all datagrams pass');
    }
  };
  offerAll();
  offerAll();
  const heap = await heapBytesOf(offerAll);
  const nsPerDatagram = leastNs(DATAGRAMS, offerAll);
  check(last !== undefined, 'datagrams are made');
  return { nsPerDatagram, heapBytesPerDatagram: heap.bytes / DATAGRAMS, collections: heap.collections };
});

async function heapBytesOf(run: () => void): Promise<{ bytes: number; collections: number }> {
  globalThis.gc?.();
  await sleep(SETTLE_MS);
  let collections = 0;
  const observer = new PerformanceObserver((list) => (collections += list.getEntries().length));
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  run();
  const bytes = process.memoryUsage().heapUsed - before;
  await sleep(SETTLE_MS);
  observer.disconnect();
  return { bytes, collections };
}

const DATAGRAMS = 1e6;

const DATAGRAMS_A_MS = 1000;

const PEERS = 1000;

// Entries of collections are told in a later turn of the loop.
const SETTLE_MS = 50;
