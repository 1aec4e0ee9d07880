import cluster from 'node:cluster';
import type { SocketOptions } from './socket.options.js';

/**
 * Whether workers of `node:cluster` that bind to this port get one socket, which hands each datagram to any of them.
 *
 * For any free port (0) that would be so too: they would all get the same, and any of them the answers to the others.
 */
export function isSharedInCluster(port: number, { reusePort }: Pick<SocketOptions, 'reusePort'>): boolean {
  return cluster.isWorker && port !== 0 && !reusePort;
}
