/** Address and limits of the quickstart; `--port` and `--seconds` come from the command line. */
export const HOST = '127.0.0.1';

export const PORT = numberArgument('--port', 12_346);

/** Ends by itself after so many seconds; `Infinity` runs until Ctrl-C. */
export const SECONDS = numberArgument('--seconds', Infinity);

export const UPLOAD_LIMIT = '100 kB/s';

export const QUEUE_LIMIT = '50 kB';

/** Requests a second: their replies are three times what the limit lets out. */
export const REQUESTS_PER_SECOND = 300;

function numberArgument(name: string, fallback: number): number {
  const index = process.argv.indexOf(name);
  if (index < 0) return fallback;
  const value = Number(process.argv[index + 1]);
  if (!(value >= 0)) throw new Error(`${name} needs a number, got ${process.argv[index + 1] ?? 'nothing'}`);
  return value;
}
