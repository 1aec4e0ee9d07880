/** Flows of many peers that all wait for the limit of one handler: how many are looked at for one release. */
import { BinaryHeap } from '../../src/common/binary-heap.js';
import { Flow } from '../../src/shaping/flow.js';
import { serve } from './child.js';
import {
  BenchDatagram,
  check,
  createHandlerLimit,
  createPeers,
  createShaper,
  DATAGRAM_BYTES,
} from './work.js';

export interface SharedLimitSettings {
  readonly flows: number;
}

/** For each datagram that is released while the others wait. */
export interface SharedLimitResult {
  readonly flowsLookedAt: number;
  readonly heapOperations: number;
}

serve(({ flows }: SharedLimitSettings): SharedLimitResult => {
  const shaper = createShaper({});
  const limit = createHandlerLimit({ rate: BYTES_PER_SECOND, burst: DATAGRAM_BYTES });
  const offer = (peer: BenchDatagram['peer'], nowMs: number): boolean =>
    shaper.offer(new BenchDatagram(peer, DATAGRAM_BYTES, limit), nowMs) === 'queued';
  const peers = createPeers(flows);
  // The first one finds a full bucket.
  check(!offer(peers[0]!, 0), 'a full bucket lets one pass');
  for (const peer of peers) check(offer(peer, 0), 'all others wait');

  const looks = countCalls(Flow.prototype, ['blocker']);
  const operations = countCalls(BinaryHeap.prototype, ['push', 'remove', 'update']);
  for (let done = 1; done <= RELEASES; done++) {
    const nowMs = done * STEP_MS;
    const item = shaper.release(nowMs);
    check(item !== undefined, 'one is released at each instant');
    check(shaper.release(nowMs) === undefined, 'and no more');
    check(offer(item!.peer, nowMs), 'and waits again');
  }
  check(shaper.queuedDatagrams === flows, 'the backlog is constant');
  return { flowsLookedAt: looks.calls / RELEASES, heapOperations: operations.calls / RELEASES };
});

function countCalls<T extends object>(of: T, names: readonly (keyof T)[]): { calls: number } {
  const count = { calls: 0 };
  for (const name of names) {
    const original = of[name] as (...args: unknown[]) => unknown;
    of[name] = function (this: unknown, ...args: unknown[]) {
      count.calls++;
      return original.apply(this, args);
    } as T[keyof T];
  }
  return count;
}

const RELEASES = 10_000;

const BYTES_PER_SECOND = 1e9;

// Exact in binary, and a hair more than one datagram takes: one conforms at each instant, never two.
const STEP_MS = 1.25 * 2 ** -10;
