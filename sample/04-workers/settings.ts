/** What the sample runs with; all of it can be set on the command line. */
export const WORKERS = numberArgument('--workers', 2);

/** How long each measurement takes. */
export const SECONDS = numberArgument('--seconds', 4);

export const HOST = '127.0.0.1';

/** Each has a socket of its own, and the kernel gives what comes from one socket to one worker. */
export const CLIENTS = 16;

/** Requests that each client has under way. */
export const REQUESTS_UNDER_WAY = 4;

function numberArgument(name: string, fallback: number): number {
  const index = process.argv.indexOf(name);
  if (index < 0) return fallback;
  const value = Number(process.argv[index + 1]);
  if (!(value > 0))
    throw new Error(`${name} needs a number above 0, got ${process.argv[index + 1] ?? 'nothing'}`);
  return value;
}
