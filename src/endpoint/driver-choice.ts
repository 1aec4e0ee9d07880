/**
 * What moves datagrams between the process and the kernel: `node` is `node:dgram`, one system call for each; `batch`
 * moves many with one call, on Linux (x64, arm64) where the package `koffi` is installed; `auto` is `batch` where
 * that can be, else `node`, as in worker threads, and `node` too where workers of `node:cluster` share the port.
 */
export type DriverChoice = 'auto' | 'node' | 'batch';

export const DRIVER_CHOICES: readonly DriverChoice[] = ['auto', 'node', 'batch'];
