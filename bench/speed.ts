/**
 * What a request costs: this transport beside a bare socket, Nest's TCP transport and others. All servers are up
 * together; the load goes round them in slices, and what counts are the medians of ratios within a round.
 *
 *     npm run bench:speed -- [--parts requests,clients,events,messages,growth] [--rounds 7] [--slice 1000]
 *                            [--windows 1,32,256] [--only ours,Nest] [--soak 600]
 */
import { parseArgs } from 'node:util';
import { writeResults } from './report.js';
import { measureClients } from './speed/clients.js';
import { measureEvents } from './speed/events.js';
import { measureGrowth } from './speed/growth.js';
import { measureMessages } from './speed/messages.js';
import { measureRequests } from './speed/requests.js';
import { measureSoak } from './speed/soak.js';

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'requests,clients,events,messages,growth' },
    rounds: { type: 'string', default: '7' },
    slice: { type: 'string', default: '1000' },
    windows: { type: 'string', default: '1,32,256' },
    only: { type: 'string', default: '' },
    soak: { type: 'string', default: '0' },
  },
});

const rounds = Number(values.rounds);
const sliceMs = Number(values.slice);
const windows = values.windows.split(',').map(Number);
const only = values.only.split(',').filter((part) => part !== '');

const PARTS: Readonly<Record<string, () => Promise<object>>> = {
  requests: () => measureRequests({ rounds, sliceMs, windows, only }),
  clients: () => measureClients(rounds, sliceMs, windows),
  events: () => measureEvents(rounds, sliceMs),
  messages: () => measureMessages(rounds, sliceMs),
  growth: () => measureGrowth(rounds),
};

const results: Record<string, object> = {};
for (const part of values.parts.split(',')) {
  const measure = PARTS[part];
  if (measure === undefined)
    throw new Error(`no such part: ${part}; there are ${Object.keys(PARTS).join(', ')}`);
  results[part] = await measure();
}
if (Number(values.soak) > 0) results['soak'] = await measureSoak(Number(values.soak));
await writeResults('speed', results);
