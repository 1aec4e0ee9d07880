/** What the scripts share: they start programs in the project's folder and end with the first that fails. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = new URL('../../', import.meta.url);

/** A dependency's file, for `node`: the same on every system, without the shims in .bin. */
export function bin(path) {
  return fileURLToPath(new URL(`node_modules/${path}`, root));
}

/**
 * Runs a program to its end.
 *
 * @param quiet keeps the output back, for the result or the error: `true`, or `'stdout'` to show stderr
 * @param timeoutMs ends the program after so long
 * @returns what it wrote, when quiet
 * @throws {CommandError} it did not end with 0
 */
export async function run(
  command,
  args,
  { cwd = fileURLToPath(root), env = {}, quiet = false, timeoutMs } = {},
) {
  const { code, output } = await start(command, args, { cwd, env, quiet, timeoutMs });
  if (code !== 0) throw new CommandError(command, args, code, output);
  return output;
}

/** The program did not end with 0. */
export class CommandError extends Error {
  constructor(command, args, code, output) {
    super(`${[command, ...args].join(' ')} ended with ${code}${output === '' ? '' : `\n${output}`}`);
    this.name = 'CommandError';
  }
}

function start(command, args, { cwd, env, quiet, timeoutMs }) {
  return new Promise((resolve, reject) => {
    const stdio = quiet ? ['ignore', 'pipe', quiet === 'stdout' ? 'inherit' : 'pipe'] : 'inherit';
    // `node` is the one that runs this script, whatever stands in PATH.
    const file = command === 'node' ? process.execPath : command;
    const child = spawn(file, args, { cwd, stdio, env: { ...process.env, ...env }, timeout: timeoutMs });
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code: code ?? signal, output: Buffer.concat(chunks).toString() }),
    );
  });
}

/** Ends the script with a line that tells what went wrong, instead of a stack. */
export function main(task) {
  task().catch((error) => {
    console.error(`\nFAILED: ${error.message}`);
    process.exitCode = 1;
  });
}

/** Jest, for `node`, in the folder of a project: see the script `test`. */
export const JEST = [
  '--disable-warning=ExperimentalWarning',
  '--experimental-vm-modules',
  'node_modules/jest/bin/jest.js',
];
