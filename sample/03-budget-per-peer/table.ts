import { QUERY_TIMEOUT_MS } from './log-client.js';
import type { Outcome } from './run.js';

const HEADINGS = ['client', 'lines accepted', 'lost', 'queries answered', 'p50', 'p99', 'exported'];

/** The outcomes as text, a line for each client. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = [HEADINGS, ...outcomes.map(rowOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => align(cell, widths, column)).join('   ')).join('\n');
}

function rowOf({ name, linesSent, linesAccepted, queryTimesMs, bytesExported }: Outcome): string[] {
  const answered = queryTimesMs.filter((timeMs) => timeMs !== Infinity).length;
  return [
    name,
    `${linesAccepted} of ${linesSent}`,
    `${((1 - linesAccepted / linesSent) * 100).toFixed(0)} %`,
    `${answered} of ${queryTimesMs.length}`,
    timeText(quantile(queryTimesMs, 0.5)),
    timeText(quantile(queryTimesMs, 0.99)),
    `${(bytesExported / 1000).toFixed(0)} kB`,
  ];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

function timeText(timeMs: number): string {
  return timeMs === Infinity ? `> ${QUERY_TIMEOUT_MS} ms` : `${timeMs.toFixed(1)} ms`;
}

/** Names to the left, figures to the right. */
function align(cell: string, widths: readonly number[], column: number): string {
  const width = widths[column] ?? 0;
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
