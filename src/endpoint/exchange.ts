import { randomBytes, randomFillSync } from 'node:crypto';
import { encodeFrame } from '../codec/frame-codec.js';
import { DeliveryBudget } from '../exchange/delivery-budget.js';
import { MessageMemory } from '../exchange/message-memory.js';
import { PeerPaths } from '../exchange/peer-paths.js';
import { ReassemblyBudget } from '../exchange/reassembly-budget.js';
import { requestIdSource } from '../exchange/request-id.js';
import type { ExchangeStats } from '../telemetry/stats.js';
import { Deadlines, Watch } from './deadlines.js';
import { ExchangeClient } from './exchange-client.js';
import { newExchangeCounts } from './exchange-counts.js';
import type { ExchangeCodec, ExchangeParts } from './exchange-parts.js';
import { ExchangeServer, type ExchangeServerEvents } from './exchange-server.js';
import type { ExchangeLimits } from './exchange.options.js';
import { PlainDuplicates } from './plain-duplicates.js';
import type { Scheduler } from './scheduler.js';
import type { UdpEndpoint } from './udp-endpoint.js';

/** What an exchange works on. */
export interface ExchangeGround {
  readonly endpoint: UdpEndpoint;
  readonly codec: ExchangeCodec;
  readonly scheduler: Scheduler;
  readonly limits: ExchangeLimits;
  /** Most requests of ours that may wait for replies. */
  readonly maxPendingRequests: number;
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number;
}

/** Both halves of the exchange over one socket, and what they share: paths, timers, room for messages in part. */
export class Exchange {
  readonly client: ExchangeClient;
  readonly server: ExchangeServer;
  /** Requests of peers that do not speak it. */
  readonly plain: PlainDuplicates;
  readonly #parts: ExchangeParts;
  readonly #sweep = new Watch((nowMs) => this.#forgetPaths(nowMs));

  constructor({ maxPendingRequests, ...ground }: ExchangeGround, events: ExchangeServerEvents) {
    const { endpoint, limits, scheduler } = ground;
    const { maxInFlight, maxWaiting } = limits;
    const memory = new MessageMemory();
    const paths = new PeerPaths({ datagramBytes: endpoint.maxDatagramSize, maxInFlight, maxWaiting });
    this.#parts = {
      ...ground,
      deadlines: new Deadlines(scheduler),
      paths,
      budget: new ReassemblyBudget(limits.reassembly),
      deliveries: new DeliveryBudget(limits.undelivered, memory),
      memory,
      counts: newExchangeCounts(),
      client: randomBytes(8).toString('hex'),
      epoch: randomBytes(4).readUInt32BE() || 1,
    };
    this.client = new ExchangeClient(this.#parts, requestIdSource(randomFillSync), maxPendingRequests);
    this.server = new ExchangeServer(this.#parts, events);
    this.plain = new PlainDuplicates(this.#parts);
    paths.onFirst = () => this.#parts.deadlines.aim(this.#sweep, scheduler.now() + SWEEP_EVERY_MS);
  }

  close(): void {
    this.client.close();
    this.server.close();
    this.#parts.deadlines.stop();
  }

  /** The word that a request came at a bad time, for one that is not even looked at. */
  busyFrame(id: string, retryAfterMs: number): Uint8Array {
    return encodeFrame({ kind: 'busy', id, epoch: this.#parts.epoch, retryAfterMs });
  }

  stats(): ExchangeStats {
    const { counts, budget, deliveries, paths } = this.#parts;
    const { server } = this;
    return Object.freeze({
      ...counts,
      waiting: paths.waiting,
      running: server.open,
      stored: server.stored,
      storedBytes: server.storedBytes,
      unproven: server.unproven,
      streams: server.streams,
      reassemblyBytes: budget.bytes,
      undeliveredBytes: deliveries.bytes,
      peers: paths.size,
    });
  }

  #forgetPaths(nowMs: number): void {
    const { paths, deadlines } = this.#parts;
    paths.sweep(nowMs);
    if (paths.size > 0) deadlines.aim(this.#sweep, nowMs + SWEEP_EVERY_MS);
  }
}

const SWEEP_EVERY_MS = 60_000;
