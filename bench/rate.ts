/**
 * How exact the upload limit is: the rate that a process of its own sees on loopback, from arrival to arrival.
 *
 * Then the same for a limit that changes while it runs, drawn as docs/rate-over-time.svg.
 *
 *     npm run bench:rate -- [--seconds 10] [--only 64kB,100B@1MB,over-time] [--driver node]
 */
import { parseArgs } from 'node:util';
import type { DriverChoice } from 'nestjs-throttled-udp';
import { measure, type Measurement } from './measure.js';
import { drawRateOverTime } from './rate-over-time.js';
import { percentText, printHead, printRow, rateText, writeResults } from './report.js';
import { sleepingSender, transportSender } from './senders.js';

interface Case {
  readonly name: string;
  readonly datagramBytes: number;
  readonly bytesPerSecond: number;
  readonly seconds: number;
  /** Receiving peers, each with a limit of its own, with datagrams of all traffic classes. @default 1, without */
  readonly peers?: number;
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
  { name: '100peers-100B@1MB/s', datagramBytes: 100, bytesPerSecond: 1e6, seconds: 10, peers: 100 },
  { name: '100peers-1200B@1MB/s', datagramBytes: 1200, bytesPerSecond: 1e6, seconds: 10, peers: 100 },
  { name: '100peers-1200B@10MB/s', datagramBytes: 1200, bytesPerSecond: 10e6, seconds: 10, peers: 100 },
];

const HEADINGS = ['datagrams', 'wanted', 'measured', 'error', 'lost', 'send, then sleep: error', 'ceiling'];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    only: { type: 'string' },
    driver: { type: 'string', default: 'auto' },
    help: { type: 'boolean', short: 'h' },
  },
});

const driver = values.driver as DriverChoice;

async function main(): Promise<void> {
  const wanted = (values.only ?? '').split(',');
  const cases = chosenCases(wanted);
  const isDrawn = wanted.some((part) => DRAWING.includes(part));
  if (cases.length === 0 && !isDrawn) throw new Error(`--only names none of ${NAMES}`);
  const ceilings = new Map<number, Measurement>();
  const results: Result[] = [];
  if (cases.length > 0) printHead(HEADINGS);
  for (const chosen of cases) {
    const { datagramBytes } = chosen;
    let ceiling = ceilings.get(datagramBytes);
    if (ceiling === undefined) {
      ceiling = await measure(
        (ports) => transportSender(Infinity, datagramBytes, ports, driver),
        datagramBytes,
        CEILING_SECONDS,
      );
      ceilings.set(datagramBytes, ceiling);
    }
    const result = await runCase(chosen, ceiling);
    results.push(result);
    printRow(rowOf(result));
  }
  if (cases.length > 0) await writeResults('rate', results);
  if (isDrawn) await drawRateOverTime();
}

async function runCase(chosen: Case, ceiling: Measurement): Promise<Result> {
  const { datagramBytes, bytesPerSecond, seconds, peers } = chosen;
  const measured = await measure(
    (ports) => transportSender(bytesPerSecond, datagramBytes, ports, driver),
    datagramBytes,
    seconds,
    peers,
  );
  const sleeping = await measure(([port]) => sleepingSender(bytesPerSecond, port!), datagramBytes, seconds);
  return {
    ...chosen,
    measured,
    errorPercent: errorPercent(measured, bytesPerSecond),
    sleeping,
    sleepingErrorPercent: errorPercent(sleeping, bytesPerSecond),
    ceiling,
  };
}

function chosenCases(wanted: readonly string[]): Case[] {
  const chosen = CASES.filter(({ name }) => wanted.some((part) => name.includes(part)));
  if (values.seconds === undefined) return chosen;
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds must be a number above 0, got ${values.seconds}`);
  return chosen.map((each) => Object.assign({}, each, { seconds }));
}

function errorPercent({ bytesPerSecond }: Measurement, wanted: number): number {
  return (bytesPerSecond / wanted - 1) * 100;
}

function rowOf(result: Result): string[] {
  const isAboveCeiling = result.ceiling.bytesPerSecond < result.bytesPerSecond;
  return [
    `${result.datagramBytes} B${result.peers === undefined ? '' : `, ${result.peers} peers`}`,
    rateText(result.bytesPerSecond),
    rateText(result.measured.bytesPerSecond),
    percentText(result.errorPercent),
    String(result.measured.lost),
    percentText(result.sleepingErrorPercent),
    rateText(result.ceiling.bytesPerSecond) + (isAboveCeiling ? ' (below what was wanted)' : ''),
  ];
}

const CEILING_SECONDS = 3;

/** What `--only` calls the drawing. */
const DRAWING = 'over-time';

const NAMES = [...CASES.map(({ name }) => name), DRAWING].join(', ');

if (values.help === true) {
  console.log(
    `--seconds N  length of each measurement\n--only TEXT  one of ${NAMES}\n--driver D   auto, node or batch`,
  );
} else {
  await main();
}
