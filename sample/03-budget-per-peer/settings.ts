import { parseArgs } from 'node:util';
import { formatRate, parseRate } from 'nestjs-throttled-udp';

export interface Settings {
  /** Where the log server listens; 0 picks a free port. */
  readonly port: number;
  /** How long both runs take together. */
  readonly seconds: number;
  /** What each peer may send and get in the second run, bytes per second. */
  readonly budget: number;
}

/** What the log server may send and take in all, bytes per second. */
export const SERVICE_LIMIT = 100_000;

/** @throws {Error} naming the argument that cannot be read */
export function readSettings(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '12347' },
      seconds: { type: 'string', default: '6' },
      budget: { type: 'string', default: '25 kB/s' },
    },
  });
  return {
    port: readWhole(values.port, '--port', 0, 65_535),
    seconds: readWhole(values.seconds, '--seconds', 2, 600),
    budget: readBudget(values.budget),
  };
}

function readWhole(text: string, name: string, least: number, most: number): number {
  // Number() alone would take nothing for 0, and '0x1F' for 31.
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new Error(`${name} must be a whole number, ${least} to ${most}, got '${text}'`);
}

function readBudget(text: string): number {
  const budget = parseRate(text, '--budget');
  if (budget < SERVICE_LIMIT) return budget;
  throw new Error(`--budget must be less than ${formatRate(SERVICE_LIMIT)}, the limit of all, got '${text}'`);
}
