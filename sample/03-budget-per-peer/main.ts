import 'reflect-metadata';
import { formatRate } from 'nestjs-throttled-udp';
import type { Habits } from './log-client.js';
import { run } from './run.js';
import { readSettings, SERVICE_LIMIT } from './settings.js';
import { tableOf } from './table.js';

/** Three clients that ask for little, and one that logs five times what the server can take. */
const CLIENTS: readonly Habits[] = [
  { name: 'web', linesPerSecond: 20, queriesPerSecond: 10, exports: 0 },
  { name: 'api', linesPerSecond: 20, queriesPerSecond: 10, exports: 0 },
  { name: 'ops', linesPerSecond: 20, queriesPerSecond: 10, exports: 1 },
  { name: 'noisy', linesPerSecond: 2500, queriesPerSecond: 10, exports: 4 },
];

const { port, seconds, budget } = readSettings(process.argv.slice(2));
console.log(
  `A log server that takes and sends ${formatRate(SERVICE_LIMIT)}, and four clients of one address.`,
);

console.log('\nWithout budgets: one address, one queue.');
console.log(tableOf(await run(CLIENTS, port, seconds / 2)));

console.log(`\nWith ${formatRate(budget)} for each peer, up and down.`);
console.log(tableOf(await run(CLIENTS, port, seconds / 2, budget)));
