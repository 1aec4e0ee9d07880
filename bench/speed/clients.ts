import { printHead, printRow } from '../report.js';
import { Child } from './child.js';
import type { ClientOrder, ClientResult } from './client.js';
import { median } from './median.js';
import { WIDE } from './wide.js';

/** What a request costs the one who asks: the client of this package beside that of Nest's TCP transport. */
export async function measureClients(
  rounds: number,
  sliceMs: number,
  windows: readonly number[],
): Promise<object> {
  const servers = {
    udp: await Child.start('beside', 'server', 'ours, wide buffer'),
    tcp: await Child.start('beside', 'server', 'Nest TCP'),
  };
  const clients = {
    udp: await Child.start('measured', 'client'),
    tcp: await Child.start('measured', 'client'),
  };
  const cpuMicros = async (
    transport: 'udp' | 'tcp',
    window: number,
    milliseconds: number,
  ): Promise<number> => {
    const order: ClientOrder = { transport, port: servers[transport].port, window, milliseconds };
    const { answered, failed, cpuSeconds } = await clients[transport].ask<ClientResult>(order);
    if (failed > 0) throw new Error(`${failed} requests over ${transport} failed`);
    return (cpuSeconds * 1e6) / answered;
  };
  console.log(
    `\nClients: processor time for a send(), medians of ${rounds} rounds, receive buffers of ${WIDE}\n`,
  );
  printHead(['window', 'ThrottledUdpClient µs', 'ClientTCP µs', 'ratio']);
  const rows: object[] = [];
  for (const window of windows) {
    for (const transport of ['udp', 'tcp'] as const) await cpuMicros(transport, window, WARM_UP_MS);
    const measured: { readonly udp: number; readonly tcp: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const udp = await cpuMicros('udp', window, sliceMs);
      measured.push({ udp, tcp: await cpuMicros('tcp', window, sliceMs) });
    }
    const row = {
      window,
      udp: median(measured.map(({ udp }) => udp)),
      tcp: median(measured.map(({ tcp }) => tcp)),
      ratio: median(measured.map(({ udp, tcp }) => udp / tcp)),
    };
    printRow([String(window), row.udp.toFixed(1), row.tcp.toFixed(1), `${row.ratio.toFixed(2)}x`]);
    rows.push(row);
  }
  await Promise.all([...Object.values(servers), ...Object.values(clients)].map((child) => child.stop()));
  return rows;
}

const WARM_UP_MS = 1500;
