import { arch, platform } from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { BatchDatagramSocket } from './batch/batch-datagram-socket.js';
import { loadLibc, type Libc } from './batch/libc.js';
import { threadMemory } from './batch/thread-memory.js';
import type { DatagramSocketFactory } from './datagram-socket.js';
import { DriverUnavailableError, errnoOf } from './endpoint.errors.js';
import { NodeDatagramSocket } from './node-datagram-socket.js';
import { isSharedInCluster } from './shared-socket.js';

/**
 * Makes a socket of the driver that was asked for.
 *
 * @throws {DriverUnavailableError} `batch` was asked for, and is not to be had here
 */
export const openSocket: DatagramSocketFactory = async (options, events) => {
  const { driver, port } = options;
  if (driver === 'node') return new NodeDatagramSocket(options, events);
  if (driver === 'auto' && isSharedInCluster(port, options)) {
    return new NodeDatagramSocket(options, events, 'the workers of node:cluster share this port');
  }
  let libc: Libc;
  try {
    libc = await libcOfThisMachine();
  } catch (cause) {
    const reason = reasonOf(cause);
    if (driver === 'batch') throw new DriverUnavailableError(driver, reason, cause);
    return new NodeDatagramSocket(options, events, reason);
  }
  return new BatchDatagramSocket(libc, threadMemory(libc), options, events);
};

async function libcOfThisMachine(): Promise<Libc> {
  if (platform !== 'linux') throw new Error(`the batch driver is for Linux, this is ${platform}`);
  if (!ARCHITECTURES.has(arch)) throw new Error(`the batch driver is for x64 and arm64, this is ${arch}`);
  // A thread that ends with a descriptor still watched takes the process with it, and Node ends threads without asking.
  if (!isMainThread) throw new Error('the batch driver is for the main thread, this is a worker thread');
  return loadLibc();
}

function reasonOf(cause: unknown): string {
  if (NOT_FOUND.has(errnoOf(cause))) return 'koffi is not installed';
  return cause instanceof Error ? cause.message : String(cause);
}

/** Layouts of structures are known of these. */
const ARCHITECTURES: ReadonlySet<string> = new Set(['x64', 'arm64']);

const NOT_FOUND: ReadonlySet<string> = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);
