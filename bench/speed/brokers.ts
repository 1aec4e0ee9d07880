/** Servers that stand between those who ask and those who answer. */
export type BrokerName = 'nats' | 'redis';

interface BrokerProgram {
  readonly program: string;
  /** Arguments with which it listens on loopback only and keeps nothing on disk. */
  readonly args: (port: number) => readonly string[];
}

export const BROKERS: Readonly<Record<BrokerName, BrokerProgram>> = {
  nats: { program: 'nats-server', args: (port) => ['-a', '127.0.0.1', '-p', String(port)] },
  redis: {
    program: 'redis-server',
    args: (port) => ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
  },
};
