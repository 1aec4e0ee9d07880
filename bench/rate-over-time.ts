import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { send } from './measure.js';
import { drawRates, type RateStep } from './rate-chart.js';
import { percentText, printHead, printRow, PROJECT, rateText, writeResults } from './report.js';
import { transportSender } from './senders.js';

/** Changes a limit while it runs, and draws what was wanted beside what a receiving process saw. */
export async function drawRateOverTime(): Promise<void> {
  const changedMs: number[] = [];
  let changing: Promise<void> | undefined;
  const { arrivals } = await send(
    (ports) => {
      const sender = transportSender(RATES[0]!, DATAGRAM_BYTES, ports);
      changing = changeRates((rate) => sender.setRate(rate), changedMs);
      return sender;
    },
    DATAGRAM_BYTES,
    (RATES.length * STEP_MS + 2 * LEAD_MS) / 1000,
  );
  await changing;
  // What had left before the first step, and the burst that began it, are no part of the picture.
  const startBin = changedMs[0]! / BIN_MS - arrivals.firstBin;
  const bins = arrivals.bins.slice(startBin, startBin + (RATES.length * STEP_MS) / BIN_MS);
  const measured = bins.map((bytes) => (bytes * 1000) / BIN_MS);
  const wanted = RATES.map((bytesPerSecond, step) => ({
    fromMs: changedMs[step]! - changedMs[0]!,
    bytesPerSecond,
  }));
  printSteps(wanted, measured);
  await mkdir(new URL('docs/', PROJECT), { recursive: true });
  await writeFile(new URL('docs/rate-over-time.svg', PROJECT), drawRates(wanted, measured, BIN_MS));
  console.log('Drawn: docs/rate-over-time.svg');
  await writeResults('rate-over-time', { wanted, measured, binMs: BIN_MS });
}

/** Sets each rate at an edge between two bins of the receiver: both read one monotonic clock. */
async function changeRates(setRate: (bytesPerSecond: number) => void, changedMs: number[]): Promise<void> {
  const startMs = Math.ceil((monotonicMs() + LEAD_MS) / BIN_MS) * BIN_MS;
  for (const [step, rate] of RATES.entries()) {
    const atMs = startMs + step * STEP_MS;
    await sleep(Math.max(0, atMs - monotonicMs()));
    setRate(rate);
    changedMs.push(atMs);
  }
}

function printSteps(wanted: readonly RateStep[], measured: readonly number[]): void {
  printHead(['wanted', 'measured', 'error', '100 ms at most', '100 ms at least']);
  for (const [step, { bytesPerSecond }] of wanted.entries()) {
    const binsOfStep = STEP_MS / BIN_MS;
    const bins = measured.slice(step * binsOfStep, (step + 1) * binsOfStep);
    const mean = bins.reduce((sum, rate) => sum + rate, 0) / bins.length;
    const error = percentText((mean / bytesPerSecond - 1) * 100);
    printRow([
      rateText(bytesPerSecond),
      rateText(mean),
      error,
      rateText(Math.max(...bins)),
      rateText(Math.min(...bins)),
    ]);
  }
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const RATES: readonly number[] = [1e6, 3e6, 500e3, 2e6, 1e6];

const STEP_MS = 3000;

// As the receiver counts.
const BIN_MS = 100;

// The receiver's first datagrams, and a compiler that warms up.
const LEAD_MS = 300;

// Small, so that a bin is not off by 2 % for the one datagram more or less that falls into it.
const DATAGRAM_BYTES = 400;
