import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import { median } from './median.js';
import type { InMemoryOrder, InMemoryResult } from './in-memory.js';

interface Setting {
  readonly name: string;
  readonly order: InMemoryOrder;
}

const SETTINGS: readonly Setting[] = [
  ...[10, 1000, 100_000].map((peers) => ({
    name: `${peers} peers`,
    order: { peers, patterns: 1, queued: 0, limits: true },
  })),
  ...[1, 100, 1000].map((patterns) => ({
    name: `${patterns} patterns`,
    order: { peers: 10, patterns, queued: 0, limits: true },
  })),
  ...[0, 100, 10_000].map((queued) => ({
    name: `${queued} datagrams that wait`,
    order: { peers: 10, patterns: 1, queued, limits: true },
  })),
  { name: 'no limits', order: { peers: 10, patterns: 1, queued: 0, limits: false } },
];

/** What a request costs with more peers, patterns and waiting datagrams: without a kernel, which is the same for all. */
export async function measureGrowth(rounds: number): Promise<object> {
  const children: Child[] = [];
  for (const { order } of SETTINGS) {
    const child = await Child.start('measured', 'in-memory', JSON.stringify(order));
    children.push(child);
  }
  for (const child of children) await child.ask<InMemoryResult>('run');
  const measured: InMemoryResult[][] = [];
  for (let round = 0; round < rounds; round++) {
    const results: InMemoryResult[] = [];
    // Each round begins with another one: whoever comes first, or behind one that is slow, would always do so.
    for (let nth = 0; nth < children.length; nth++) {
      const index = (round + nth) % children.length;
      results[index] = await children[index]!.ask<InMemoryResult>('run');
    }
    measured.push(results);
  }
  console.log(`\nGrowth: a request in memory, medians of ${rounds} rounds, ratios to ${SETTINGS[0]!.name}\n`);
  printHead(['setting', 'CPU µs', 'ratio', 'bytes allocated']);
  const rows: object[] = [];
  for (const [index, { name }] of SETTINGS.entries()) {
    const { allocatedBytes } = await children[index]!.ask<InMemoryResult>('allocations');
    const row = {
      name,
      cpuMicros: median(measured.map((results) => results[index]!.cpuMicros)),
      ratio: median(measured.map((results) => results[index]!.cpuMicros / results[0]!.cpuMicros)),
      allocatedBytes,
    };
    printRow([
      name,
      row.cpuMicros.toFixed(1),
      `${row.ratio.toFixed(2)}x`,
      Math.round(allocatedBytes).toString(),
    ]);
    rows.push(row);
  }
  await Promise.all(children.map((child) => child.stop()));
  return rows;
}
