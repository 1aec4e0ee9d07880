import { ClassLine } from './class-line.js';
import type { Flow } from './flow.js';
import type { Bandwidth } from './bandwidth.options.js';
import { Parking } from './parking.js';
import { TokenBucket } from './token-bucket.js';
import type { ClassTerms } from './traffic-class.options.js';

/**
 * Whose turn it is: first by class, then by flow.
 *
 * Each class has a share of the rate, metered by a bucket of its own. Within it, the first class in order goes
 * before all others; what is left above all shares is divided by weight. So nothing is ever starved.
 */
export class ClassTurns {
  readonly parking: Parking;
  readonly #classes: readonly TrafficClass[];
  /** Virtual time of the last datagram that went above its share. */
  #virtualTime = 0;
  #isUnlimited = false;
  /** The class of the flow that `next` has given, and whether it goes within its share. */
  #chosen: TrafficClass | undefined;
  #isInShare = false;

  /** @param retire called with a flow that has nothing to send and owes nothing */
  constructor(
    terms: readonly ClassTerms[],
    bandwidth: Bandwidth,
    nowMs: number,
    retire: (flow: Flow) => void,
  ) {
    this.parking = new Parking(terms);
    this.#classes = terms.map(({ share, weight }) => ({
      share,
      weight,
      line: new ClassLine(this.parking, retire),
      bucket: new TokenBucket(shareOf(bandwidth, share), nowMs),
      virtualTime: 0,
      isWaiting: false,
    }));
    this.#isUnlimited = bandwidth.rateBytesPerSecond === Infinity;
  }

  /** Takes a flow that was empty, or unknown, until now. */
  begin(flow: Flow, nowMs: number): void {
    this.#of(flow).line.begin(flow, nowMs);
  }

  /** The flow whose head goes next; the same one until something changes. */
  next(nowMs: number): Flow | undefined {
    // Flows may park for a limit that is ready, behind others: then these can go at once.
    do {
      this.parking.wake(nowMs, this.#resume);
      const flow = this.#choose(nowMs);
      if (flow !== undefined) return flow;
    } while (this.parking.nextMs <= nowMs);
    return undefined;
  }

  /** To be called when the head of the flow that `next` gave has gone. */
  charge(bytes: number): void {
    const chosen = this.#chosen;
    if (chosen === undefined || this.#isUnlimited) return;
    if (this.#isInShare) return chosen.bucket.debit(bytes);
    this.#virtualTime = chosen.virtualTime;
    chosen.virtualTime += bytes / chosen.weight;
  }

  /** Follows the limit of the transport. */
  setBandwidth(bandwidth: Bandwidth, nowMs: number): void {
    this.#isUnlimited = bandwidth.rateBytesPerSecond === Infinity;
    for (const { bucket, share } of this.#classes) bucket.setBandwidth(shareOf(bandwidth, share), nowMs);
  }

  #choose(nowMs: number): Flow | undefined {
    let chosen: TrafficClass | undefined;
    let chosenFlow: Flow | undefined;
    for (const each of this.#classes) {
      const flow = each.line.next(nowMs);
      if (flow === undefined) {
        each.isWaiting = false;
        continue;
      }
      if (!each.isWaiting) {
        // Time that a class did not use is not owed to it.
        each.isWaiting = true;
        each.virtualTime = Math.max(each.virtualTime, this.#virtualTime);
      }
      if (this.#isUnlimited || this.#isWithinShare(each, flow, nowMs)) {
        this.#chosen = each;
        this.#isInShare = true;
        return flow;
      }
      if (chosen === undefined || each.virtualTime < chosen.virtualTime) {
        chosen = each;
        chosenFlow = flow;
      }
    }
    this.#chosen = chosen;
    this.#isInShare = false;
    return chosenFlow;
  }

  #isWithinShare({ share, bucket }: TrafficClass, flow: Flow, nowMs: number): boolean {
    return share > 0 && bucket.delayFor(flow.head?.bytes ?? 0, nowMs) <= 0;
  }

  readonly #resume = (flow: Flow): void => this.#of(flow).line.resume(flow);

  #of(flow: Flow): TrafficClass {
    return this.#classes[flow.rank] as TrafficClass;
  }
}

interface TrafficClass {
  readonly share: number;
  readonly weight: number;
  readonly line: ClassLine;
  /** Its share of the rate. */
  readonly bucket: TokenBucket;
  /** Bytes above its share, divided by its weight: the class that has had least goes first. */
  virtualTime: number;
  /** Whether a flow of it could go when last asked. */
  isWaiting: boolean;
}

function shareOf({ rateBytesPerSecond }: Bandwidth, share: number): Bandwidth {
  // A share of nothing is never asked: any rate does.
  const part = share > 0 ? share : 1;
  return {
    rateBytesPerSecond: rateBytesPerSecond * part,
    burstBytes: undefined,
    burstTimeMs: SHARE_BURST_MS,
  };
}

// What a class has not used for a moment it may use at once: words come in bursts, one for each of many requests.
const SHARE_BURST_MS = 200;
