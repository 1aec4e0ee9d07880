/** Datagrams that wait and are released, one for one, in a process of its own. */
import { leastNs, serve } from './child.js';
import {
  BenchDatagram,
  check,
  createHandlerLimit,
  createPeers,
  createShaper,
  DATAGRAM_BYTES,
  type ShaperSettings,
} from './work.js';

export interface QueuedSettings {
  /** Peers with something queued, all the time. */
  readonly peers: number;
  /** Datagrams queued, all the time. */
  readonly backlog: number;
  readonly shaper: ShaperSettings;
  /** Bytes per second that leave in all. */
  readonly bytesPerSecond: number;
  /** Whether all wait for the limit of one handler. */
  readonly sharedLimit?: number;
  /** Whether to ask for the next event after each offer and each release, as a release loop does that sleeps in between. */
  readonly asks?: boolean;
}

export interface QueuedResult {
  readonly nsPerDatagram: number;
}

serve(
  ({
    peers: count,
    backlog,
    shaper: settings,
    bytesPerSecond,
    sharedLimit,
    asks,
  }: QueuedSettings): QueuedResult => {
    const shaper = createShaper(settings);
    const limit = sharedLimit === undefined ? undefined : createHandlerLimit(sharedLimit);
    const peers = createPeers(count);
    const stepMs = (DATAGRAM_BYTES * 1000) / bytesPerSecond;
    let nowMs = 0;
    let released = 0;
    for (let queued = 0; queued < backlog;) {
      const peer = peers[queued % count]!;
      if (shaper.offer(new BenchDatagram(peer, DATAGRAM_BYTES, limit), nowMs) === 'queued') queued++;
    }
    const turn = (): void => {
      for (let done = 0; done < DATAGRAMS;) {
        nowMs += stepMs;
        for (let item = shaper.release(nowMs); item !== undefined; item = shaper.release(nowMs)) {
          done++;
          released++;
          const verdict = shaper.offer(new BenchDatagram(item.peer, DATAGRAM_BYTES, limit), nowMs);
          check(verdict === 'queued', 'all datagrams wait');
        }
        if (asks === true) shaper.nextEventMs(nowMs);
      }
    };
    turn();
    const startMs = nowMs;
    released = 0;
    const nsPerDatagram = leastNs(DATAGRAMS, turn);
    const ranBytesPerSecond = (released * DATAGRAM_BYTES * 1000) / (nowMs - startMs);
    check(Math.abs(ranBytesPerSecond / bytesPerSecond - 1) < 0.02, `the rate is ${ranBytesPerSecond} B/s`);
    check(shaper.queuedDatagrams === backlog, 'the backlog is constant');
    return { nsPerDatagram };
  },
);

const DATAGRAMS = 200_000;
