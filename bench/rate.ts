/**
 * How exact the upload limit is: the rate that a process of its own sees on loopback, from arrival to arrival.
 *
 *     npm run bench:rate -- [--seconds 10] [--only 64kB,100B@1MB]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measure, type Measurement } from './measure.js';
import { sleepingSender, transportSender } from './senders.js';

interface Case {
  readonly name: string;
  readonly datagramBytes: number;
  readonly bytesPerSecond: number;
  readonly seconds: number;
}

interface Result extends Case {
  readonly measured: Measurement;
  readonly errorPercent: number;
  readonly sleeping: Measurement;
  readonly sleepingErrorPercent: number;
  readonly ceiling: Measurement;
}

const CASES: readonly Case[] = [
  { name: '100B@100B/s', datagramBytes: 100, bytesPerSecond: 100, seconds: 30 },
  { name: '100B@10kB/s', datagramBytes: 100, bytesPerSecond: 10e3, seconds: 10 },
  { name: '100B@1MB/s', datagramBytes: 100, bytesPerSecond: 1e6, seconds: 10 },
  // 18.75 ms from one to the next: the burst of 20 ms leaves next to nothing for a timer that is late.
  { name: '1200B@64kB/s', datagramBytes: 1200, bytesPerSecond: 64e3, seconds: 10 },
  // One datagram is the whole burst or more: each moment that a timer is late counts.
  { name: '1200B@60kB/s', datagramBytes: 1200, bytesPerSecond: 60e3, seconds: 10 },
  { name: '1200B@30kB/s', datagramBytes: 1200, bytesPerSecond: 30e3, seconds: 10 },
  { name: '1200B@1MB/s', datagramBytes: 1200, bytesPerSecond: 1e6, seconds: 10 },
  { name: '1200B@10MB/s', datagramBytes: 1200, bytesPerSecond: 10e6, seconds: 10 },
  { name: '1200B@50MB/s', datagramBytes: 1200, bytesPerSecond: 50e6, seconds: 10 },
];

const HEADINGS = ['datagrams', 'wanted', 'measured', 'error', 'lost', 'send, then sleep: error', 'ceiling'];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

async function main(): Promise<void> {
  const cases = chosenCases();
  const ceilings = new Map<number, Measurement>();
  const results: Result[] = [];
  print(HEADINGS);
  print(HEADINGS.map((_, column) => (column === 0 ? '---' : '---:')));
  for (const chosen of cases) {
    const { datagramBytes } = chosen;
    let ceiling = ceilings.get(datagramBytes);
    if (ceiling === undefined) {
      ceiling = await measure(
        (port) => transportSender(Infinity, datagramBytes, port),
        datagramBytes,
        CEILING_SECONDS,
      );
      ceilings.set(datagramBytes, ceiling);
    }
    const result = await runCase(chosen, ceiling);
    results.push(result);
    print(rowOf(result));
  }
  await writeResults(results);
}

async function runCase(chosen: Case, ceiling: Measurement): Promise<Result> {
  const { datagramBytes, bytesPerSecond, seconds } = chosen;
  const measured = await measure(
    (port) => transportSender(bytesPerSecond, datagramBytes, port),
    datagramBytes,
    seconds,
  );
  const sleeping = await measure((port) => sleepingSender(bytesPerSecond, port), datagramBytes, seconds);
  return {
    ...chosen,
    measured,
    errorPercent: errorPercent(measured, bytesPerSecond),
    sleeping,
    sleepingErrorPercent: errorPercent(sleeping, bytesPerSecond),
    ceiling,
  };
}

function chosenCases(): Case[] {
  const wanted = (values.only ?? '').split(',');
  const chosen = CASES.filter(({ name }) => wanted.some((part) => name.includes(part)));
  if (chosen.length === 0)
    throw new Error(`--only names none of ${CASES.map(({ name }) => name).join(', ')}`);
  if (values.seconds === undefined) return chosen;
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds must be a number above 0, got ${values.seconds}`);
  return chosen.map(({ name, datagramBytes, bytesPerSecond }) => ({
    name,
    datagramBytes,
    bytesPerSecond,
    seconds,
  }));
}

function errorPercent({ bytesPerSecond }: Measurement, wanted: number): number {
  return (bytesPerSecond / wanted - 1) * 100;
}

function rowOf(result: Result): string[] {
  const isAboveCeiling = result.ceiling.bytesPerSecond < result.bytesPerSecond;
  return [
    `${result.datagramBytes} B`,
    rateText(result.bytesPerSecond),
    rateText(result.measured.bytesPerSecond),
    percentText(result.errorPercent),
    String(result.measured.lost),
    percentText(result.sleepingErrorPercent),
    rateText(result.ceiling.bytesPerSecond) + (isAboveCeiling ? ' (below what was wanted)' : ''),
  ];
}

function rateText(bytesPerSecond: number): string {
  const [unit, size] = UNITS.find(([, least]) => bytesPerSecond >= least) ?? ['B/s', 1];
  return `${Number((bytesPerSecond / size).toPrecision(5))} ${unit}`;
}

function percentText(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(2)} %`;
}

function print(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

async function writeResults(results: readonly Result[]): Promise<void> {
  const folder = new URL('../../bench/results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const machine = {
    node: process.version,
    platform: process.platform,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    load: loadavg(),
  };
  const file = new URL('rate.json', folder);
  await writeFile(file, `${JSON.stringify({ date: new Date().toISOString(), machine, results }, null, 2)}\n`);
  console.log(`\nFigures: bench/results/rate.json`);
}

const CEILING_SECONDS = 3;

const UNITS: readonly (readonly [string, number])[] = [
  ['GB/s', 1e9],
  ['MB/s', 1e6],
  ['kB/s', 1e3],
];

if (values.help === true) {
  console.log(
    `--seconds N  length of each measurement\n--only TEXT  one of ${CASES.map(({ name }) => name).join(', ')}`,
  );
} else {
  await main();
}
