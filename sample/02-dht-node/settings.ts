import { parseRate, type Rate } from 'nestjs-throttled-udp';

/** Where a node is. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly upload: Rate;
  readonly download: Rate;
  /** Nodes to join the DHT through. There are none by default: this node contacts nobody unasked. */
  readonly bootstrap: readonly HostAndPort[];
}

/** @throws {Error} naming the variable that cannot be read */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  return {
    host: env['DHT_HOST'] ?? '127.0.0.1',
    port: readPort(env['DHT_PORT'] ?? '6881', 'DHT_PORT'),
    upload: parseRate(env['DHT_UPLOAD'] ?? '50 kB/s', 'DHT_UPLOAD'),
    download: parseRate(env['DHT_DOWNLOAD'] ?? '100 kB/s', 'DHT_DOWNLOAD'),
    bootstrap: (env['DHT_BOOTSTRAP'] ?? '').split(',').filter(Boolean).map(readHostAndPort),
  };
}

function readHostAndPort(text: string): HostAndPort {
  const [, host, port] = /^([^:]+):([^:]*)$/.exec(text.trim()) ?? [];
  if (host === undefined || port === undefined) {
    throw new Error(`DHT_BOOTSTRAP must be host:port,host:port, got '${text}'`);
  }
  return { host, port: readPort(port, 'DHT_BOOTSTRAP', 1) };
}

/** @param least 0 where the system may choose one, 1 where somebody must listen there */
function readPort(text: string, name: string, least = 0): number {
  // Number() alone would take nothing for 0, and '0x1F' for 31.
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port >= least && port <= 65_535) return port;
  throw new Error(`${name} needs a port, ${least} to 65535, got '${text}'`);
}
