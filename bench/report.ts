import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';

/** Prints the head of a Markdown table; numbers stand right. */
export function printHead(headings: readonly string[]): void {
  printRow(headings);
  printRow(headings.map((_, column) => (column === 0 ? '---' : '---:')));
}

export function printRow(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

/** Writes what was measured, and on what machine, to bench/results. */
export async function writeResults(name: string, results: unknown): Promise<void> {
  const folder = new URL('bench/results/', PROJECT);
  await mkdir(folder, { recursive: true });
  const machine = {
    node: process.version,
    platform: process.platform,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    load: loadavg(),
  };
  const text = JSON.stringify({ date: new Date().toISOString(), machine, results }, null, 2);
  await writeFile(new URL(`${name}.json`, folder), `${text}\n`);
  console.log(`\nFigures: bench/results/${name}.json`);
}

export function rateText(bytesPerSecond: number): string {
  const [unit, size] = UNITS.find(([, least]) => bytesPerSecond >= least) ?? ['B/s', 1];
  return `${Number((bytesPerSecond / size).toPrecision(5))} ${unit}`;
}

export function percentText(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(2)} %`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['GB/s', 1e9],
  ['MB/s', 1e6],
  ['kB/s', 1e3],
];

/** Seen from dist/bench/bench. */
export const PROJECT = new URL('../../../', import.meta.url);
