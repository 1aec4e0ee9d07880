import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, reduce } from 'rxjs';
import { JsonCodec, UdpRecordBuilder, type Packet, type ThrottledUdpClient } from '../../src/index.js';
import { startService, type TestService } from '../support/apps.js';
import { startRelay, type Relay, type RelayConditions } from '../support/relay.js';

/** How often the handler ran for each request. */
const runs = new Map<number, number>();

@Controller()
class WorkController {
  @MessagePattern('double') double(@Payload() n: number): number {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    return 2 * n;
  }

  @MessagePattern('text') text(@Payload() bytes: number): string {
    return patternOf(bytes);
  }

  @MessagePattern('count') async *count(@Payload() values: number): AsyncGenerator<number> {
    for (let i = 0; i < values; i++) yield i;
  }

  @MessagePattern('length') length(@Payload() text: string): number {
    return text.length;
  }
}

const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);

describe(`over a network that loses datagrams (seed ${seed})`, () => {
  let service: TestService;
  let relay: Relay;
  let client: ThrottledUdpClient;

  const start = async (
    conditions: RelayConditions,
    options: Parameters<typeof startService>[1] = {},
    clientOptions: Parameters<TestService['client']>[0] = {},
  ): Promise<void> => {
    runs.clear();
    service = await startService([WorkController], options);
    relay = await startRelay(service.port, { seed, ...conditions });
    client = service.client({ port: relay.port, timeout: 30_000, ...clientOptions });
  };

  afterEach(async () => {
    await service.close();
    await relay.close();
  });

  /** Asks so many times, and tells how many answers were right. */
  async function askMany(count: number): Promise<number> {
    const answers = await Promise.allSettled(
      Array.from({ length: count }, (_, n) => firstValueFrom(client.send<number>('double', n))),
    );
    const failures = answers
      .filter((answer) => answer.status === 'rejected')
      .map(({ reason }) => String(reason));
    if (failures.length > 0) process.stdout.write(`not answered: ${failures.slice(0, 10).join('; ')}\n`);
    return answers.filter((answer, n) => answer.status === 'fulfilled' && answer.value === 2 * n).length;
  }

  it('answers 10,000 of 10,000 requests, each handler run exactly once, at 10 % loss each way', async () => {
    await start({ loss: 0.1, duplicate: 0.05, reorder: 0.05 });
    expect(await askMany(10_000)).toBe(10_000);
    expect([runs.size, new Set(runs.values())]).toEqual([10_000, new Set([1])]);
    expect(client.stats().packets.exchange?.retransmissions).toBeGreaterThan(1000);
    expect(service.transport.stats().packets.exchange?.duplicates).toBeGreaterThan(500);
  });

  it('answers 99.9 % of 10,000 requests, no handler run twice, at 30 % loss each way', async () => {
    await start({ loss: 0.3 });
    expect(await askMany(10_000)).toBeGreaterThanOrEqual(9990);
    expect(new Set(runs.values())).toEqual(new Set([1]));
  });

  it('brings a reply of 1 MiB at 5 % loss, the limit kept and nearly used', async () => {
    const rate = 1_000_000;
    await start({ loss: 0.05, delay: 1 }, { upload: rate });
    // The path is known before: an upload limit is no round trip.
    await askMany(5);
    const bytes = 2 ** 20 - 100;
    const startMs = performance.now();
    const text = await firstValueFrom(client.send<string>('text', bytes));
    const seconds = (performance.now() - startMs) / 1000;
    expect(text === patternOf(bytes)).toBe(true);
    const { upload, packets } = service.transport.stats();
    process.stdout.write(
      `1 MiB in ${seconds.toFixed(2)} s, ${upload.bytes} bytes sent, ` +
        `${packets.exchange?.segmentsRetransmitted} of ${packets.exchange?.segmentsSent} segments were copies\n`,
    );
    expect(seconds).toBeLessThan(bytes / rate + 2);
    // What left within that time is what the rate allows, and one burst.
    expect(upload.bytes).toBeLessThanOrEqual(rate * seconds + 0.03 * rate);
  });

  it('sends hardly a request again while 50 replies wait for an upload limit', async () => {
    const copies = new Map<unknown, number>();
    class CountingCodec extends JsonCodec {
      override decode(datagram: Uint8Array): Packet {
        const packet = super.decode(datagram);
        if (packet.kind === 'request') copies.set(packet.id, (copies.get(packet.id) ?? 0) + 1);
        return packet;
      }
    }
    // All of them are let in: that so many wait is what this is about.
    await start({}, { upload: 20_000, queue: { busyAfter: 5000 }, codec: new CountingCodec() });
    const texts = await Promise.all(
      Array.from({ length: 50 }, () => firstValueFrom(client.send<string>('text', 900))),
    );
    expect(texts.every((text) => text === patternOf(900))).toBe(true);
    expect(copies.size).toBe(50);
    // As a rule none, and one that hears nothing for a second asks again; a busy machine may be late with a word.
    const sent = [...copies.values()].reduce((sum, count) => sum + count, 0);
    expect(sent).toBeLessThan(100);
  });

  it('brings a stream of 10,000 values in order', async () => {
    await start({ loss: 0.05, duplicate: 0.02, reorder: 0.05 });
    const values = client.send<number>('count', 10_000);
    const next = await lastValueFrom(
      values.pipe(reduce((expected, value) => (value === expected ? expected + 1 : NaN), 0)),
    );
    expect(next).toBe(10_000);
  });

  it('takes a request of 200 kB', async () => {
    await start({ loss: 0.1 });
    const record = new UdpRecordBuilder('x'.repeat(200_000)).build();
    expect(await firstValueFrom(client.send<number>('length', record))).toBe(200_000);
  });
});

/** A text in which no piece looks like another. */
function patternOf(bytes: number): string {
  let text = '';
  for (let i = 0; text.length < bytes; i++) text += `${i},`;
  return text.slice(0, bytes);
}
