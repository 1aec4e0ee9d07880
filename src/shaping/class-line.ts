import { FlowLine } from './flow-line.js';
import type { Flow } from './flow.js';
import type { Parking } from './parking.js';

/**
 * The flows of one class that could go, in turns: deficit round robin with a line of new flows before the line
 * of old ones, so that whoever sends little need not wait for those who send much.
 *
 * @see RFC 8290 section 4.2
 */
export class ClassLine {
  readonly #fresh = new FlowLine();
  /** Flows that go on with a turn which a limit has interrupted. */
  readonly #resumed = new FlowLine();
  readonly #old = new FlowLine();

  /** @param retire called with a flow that has nothing to send and owes nothing */
  constructor(
    private readonly parking: Parking,
    private readonly retire: (flow: Flow) => void,
  ) {}

  /** Takes a flow that was empty, or unknown, until now. */
  begin(flow: Flow, nowMs: number): void {
    flow.deficitBytes = quantumOf(flow);
    const { crowdedLimit } = flow;
    if (crowdedLimit === undefined) this.#fresh.push(flow);
    else this.parking.park(flow, crowdedLimit, false, nowMs);
  }

  /** Takes back a flow whose limit lets it go on: it has waited for its turn already. */
  resume(flow: Flow): void {
    this.#resumed.push(flow);
  }

  /** The flow whose head goes next; the same one until something changes. */
  next(nowMs: number): Flow | undefined {
    for (;;) {
      const flow = this.#fresh.first ?? this.#resumed.first ?? this.#old.first;
      if (flow === undefined) return undefined;
      const { head } = flow;
      if (head === undefined) this.#endEmpty(flow);
      else if (flow.deficitBytes <= 0) this.#endTurn(flow, nowMs);
      else {
        const blocker = flow.blocker(head.bytes, nowMs);
        if (blocker === undefined) return flow;
        flow.leaveLine();
        this.parking.park(flow, blocker, true, nowMs);
      }
    }
  }

  #endTurn(flow: Flow, nowMs: number): void {
    flow.leaveLine();
    flow.deficitBytes += quantumOf(flow);
    const { crowdedLimit } = flow;
    if (crowdedLimit === undefined) this.#old.push(flow);
    else this.parking.park(flow, crowdedLimit, false, nowMs);
  }

  /** A flow that ran empty goes round once more: else it would come back as a new one at once, before all others. */
  #endEmpty(flow: Flow): void {
    const isFresh = flow.line === this.#fresh;
    flow.leaveLine();
    if (flow.deficitBytes <= 0) flow.deficitBytes += quantumOf(flow);
    else if (!isFresh) return this.retire(flow);
    this.#old.push(flow);
  }
}

function quantumOf(flow: Flow): number {
  return QUANTUM_BYTES * flow.peer.weight;
}

// A full Ethernet frame, as RFC 8290 section 5.2.4 advises: a turn is one large datagram, or a few small ones.
const QUANTUM_BYTES = 1514;
