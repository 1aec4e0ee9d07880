import type { DatagramSocketFactory } from './datagram-socket.js';
import { openSocket } from './driver.js';
import { systemScheduler, type Scheduler } from './scheduler.js';

/** What an endpoint needs of the world; tests bring their own (`ManualClock`, `VirtualNetwork`). */
export interface UdpEnvironment {
  readonly scheduler: Scheduler;
  readonly createSocket: DatagramSocketFactory;
  /** Numbers in [0, 1): jitter between clients, no secrets. @default Math.random */
  readonly random?: () => number;
}

/** The machine: its clock, its timers, its sockets. */
export const systemEnvironment: UdpEnvironment = {
  scheduler: systemScheduler,
  createSocket: openSocket,
};
