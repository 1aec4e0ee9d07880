import { Injectable, Module, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { ThrottledUdpClient } from '../transport/throttled-udp.client.js';
import type { ThrottledUdpTransport } from '../transport/throttled-udp.transport.js';

/** The transports and clients of an application, so that they can be closed with it. */
@Injectable()
export class SocketRegistry {
  readonly transports = new Set<ThrottledUdpTransport>();
  readonly clients = new Set<ThrottledUdpClient>();
}

/**
 * Stops the intake of all transports before anything else of the application is torn down.
 *
 * On signals and in hybrid applications Nest runs users' `onModuleDestroy` first and closes the strategies
 * later: without this gate, handlers would work with what has been destroyed.
 */
@Module({ providers: [SocketRegistry], exports: [SocketRegistry] })
export class ShutdownGateModule implements OnModuleDestroy, OnApplicationShutdown {
  constructor(
    private readonly registry: SocketRegistry,
    modules: ModulesContainer,
  ) {
    // Nest calls the hooks of modules in the order of their distance from the root, which it has worked out by
    // now; nothing else stands below zero.
    for (const module of modules.values()) {
      if (module.metatype === ShutdownGateModule) module.distance = -1;
    }
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.registry.transports].map((transport) => transport.stopIntake()));
  }

  /** Nest closes neither clients that are plain providers, nor transports that no microservice has served. */
  async onApplicationShutdown(): Promise<void> {
    const { clients, transports } = this.registry;
    await Promise.all([...clients].map((client) => client.close()));
    await Promise.all([...transports].map((transport) => transport.close()));
  }
}
