/**
 * Runs one broker, as a process of its own: `node broker.js <name>`. It tells the broker's port over IPC, and what the
 * broker has used whenever it is asked. A process of its own because it ends with IPC, however the benchmark ends, and
 * takes the broker with it.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { BROKERS, type BrokerName } from './brokers.js';
import { freePort } from './free-port.js';
import { installed } from './installed.js';
import { keepOnOneProcessor } from './processors.js';

/** What a broker has used since it started. */
export interface BrokerFigures {
  /** Seconds of processor time; undefined where there is no /proc. */
  readonly cpuSeconds?: number;
}

function figuresOf(pid: number): BrokerFigures {
  if (process.platform !== 'linux') return {};
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the name, in brackets, and may have spaces: counted from behind it, user and system time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

// What Linux tells user space is in hundredths of a second on every common architecture.
const TICKS_PER_SECOND = 100;

const START_MS = 10_000;

// Before the broker is there, which keeps to what its parent keeps to.
keepOnOneProcessor(process.pid, 'beside');
const name = process.argv[2] as BrokerName;
const { program, args } = BROKERS[name];
const file = installed(program);
if (file === undefined) throw new Error(`${program} is not installed`);
const port = await freePort();
// In a folder where a broker that does write something does no harm.
const broker = spawn(file, args(port), { stdio: 'ignore', cwd: tmpdir() });
let isOver = false;
process.on('exit', () => broker.kill('SIGKILL'));
process.on('disconnect', () => {
  isOver = true;
  broker.kill();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
broker.on('error', (error) => {
  throw error;
});
broker.on('exit', (code, signal) => {
  if (isOver) process.exit(0);
  throw new Error(`${program} ended with ${signal ?? code}`);
});
const startedMs = performance.now();
while (!(await isListening(port))) {
  if (performance.now() - startedMs > START_MS) throw new Error(`${program} does not listen`);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.on('message', () => process.send!(figuresOf(broker.pid!)));
process.send!({ port });
