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
  const colon = text.lastIndexOf(':');
  if (colon < 1) throw new Error(`DHT_BOOTSTRAP must be host:port,host:port, got ${text}`);
  return { host: text.slice(0, colon).trim(), port: readPort(text.slice(colon + 1), 'DHT_BOOTSTRAP') };
}

function readPort(text: string, name: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`${name} needs a port, 0 to 65535, got ${text}`);
}
