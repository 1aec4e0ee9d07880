import 'reflect-metadata';
import cluster from 'node:cluster';
import { Fleet } from './fleet.js';
import { load } from './load.js';
import { SECONDS, WORKERS } from './settings.js';
import { serve } from './worker.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 12)) {
  console.log(`Workers with sockets of their own need Node 22.12 or later, this is ${process.version}.`);
} else if (cluster.isPrimary) {
  await measure();
} else {
  await serve();
}

async function measure(): Promise<void> {
  let alone: number | undefined;
  for (const size of new Set([1, WORKERS])) {
    const fleet = await Fleet.start(size);
    const { perSecond, failed, shares } = await load(fleet.port, SECONDS);
    await fleet.stop();
    alone ??= perSecond;
    console.log(
      `${size} worker${size === 1 ? '' : 's'}: ${Math.round(perSecond)} answers a second, ` +
        `${(perSecond / alone).toFixed(2)}x of one, ${failed} failed; by worker ${shares.join(' ')}`,
    );
  }
}
