import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JsonCodec, type Packet } from '../src/index.js';
import { Program } from './support/programs.js';
import { RawPeer } from './support/raw-peer.js';

/** Fenced blocks of a language, with the name that stands in their first line as a comment. */
function blocksOf(file: string, language: string): { name: string; text: string }[] {
  const blocks = readFileSync(file, 'utf8').matchAll(
    new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'),
  );
  return [...blocks].map(([, text = '']) => ({ name: /^\/\/ (\S+)/.exec(text)?.[1] ?? '', text }));
}

const snippets = blocksOf('README.md', 'ts');

// What makes each snippet do something, beyond what stands in it. The port of the first is the reader's own.
const DRIVERS: Readonly<Record<string, string>> = {
  'budgets.ts': `
    import { Test } from '@nestjs/testing';
    import { throttledUdp, ThrottledUdpTransport } from 'nestjs-throttled-udp';
    import { lastValueFrom, toArray } from 'rxjs';
    import { LogModule } from './budgets.js';
    const app = (await Test.createTestingModule({ imports: [LogModule] }).compile())
      .createNestMicroservice({ ...throttledUdp(), logger: false });
    await app.listen();
    const udp = app.get(ThrottledUdpTransport);
    const client = udp.createClient({ port: udp.address()!.port });
    console.log(await lastValueFrom(client.send('count', 0)), await lastValueFrom(client.send('health', 0)));
    console.log(JSON.stringify(await lastValueFrom(client.send('export', 2).pipe(toArray()))));
    const { rate } = udp.upload.pattern('export');
    console.log(rate, udp.upload.peer('127.0.0.1').rate, udp.stats().upload.classes.bulk.datagrams);
    await app.close();`,
  'handlers.ts': `
    import { Test } from '@nestjs/testing';
    import { ThrottledUdpTransport } from 'nestjs-throttled-udp';
    import { lastValueFrom, toArray } from 'rxjs';
    import { SensorController } from './handlers.js';
    const strategy = new ThrottledUdpTransport({ port: 0 });
    const app = (await Test.createTestingModule({ controllers: [SensorController] }).compile())
      .createNestMicroservice({ strategy, logger: false });
    await app.listen();
    const client = strategy.createClient({ port: strategy.address()!.port });
    await lastValueFrom(client.emit('reading', 21.5));
    console.log(JSON.stringify(await lastValueFrom(client.send('history', 2).pipe(toArray()))));
    console.log(JSON.stringify(await lastValueFrom(client.send('squares', 3).pipe(toArray()))));
    await app.close();`,
  'raw.ts': `
    import { Test } from '@nestjs/testing';
    import { RawCodec, ThrottledUdpTransport } from 'nestjs-throttled-udp';
    import { createSocket } from 'node:dgram';
    import { EchoController } from './raw.js';
    const strategy = new ThrottledUdpTransport({ port: 0, codec: new RawCodec() });
    const app = (await Test.createTestingModule({ controllers: [EchoController] }).compile())
      .createNestMicroservice({ strategy, logger: false });
    await app.listen();
    const socket = createSocket('udp4');
    socket.send('said', strategy.address()!.port, '127.0.0.1');
    console.log(await new Promise((resolve) => socket.once('message', (data) => resolve('echo ' + data))));
    socket.close();
    await app.close();`,
  'statsd.codec.ts': `
    import { runCodecConformance } from 'nestjs-throttled-udp/testing';
    import { StatsdCodec } from './statsd.codec.js';
    const valid = [{ name: 'two metrics', datagram: Buffer.from('a.b:1|c\\nc:320|ms\\n') }];
    runCodecConformance(new StatsdCodec(), { valid, malformed: [Buffer.from('nonsense')], seed: 1 });
    console.log(JSON.stringify(new StatsdCodec().decode(valid[0].datagram)));`,
  'throttled.ts': `
    import { Test } from '@nestjs/testing';
    import { throttledUdp, ThrottledUdpTransport } from 'nestjs-throttled-udp';
    import { lastValueFrom } from 'rxjs';
    import { ReportModule } from './throttled.js';
    const app = (await Test.createTestingModule({ imports: [ReportModule] }).compile())
      .createNestMicroservice({ ...throttledUdp(), logger: false });
    await app.listen();
    const udp = app.get(ThrottledUdpTransport);
    const client = udp.createClient({ port: udp.address()!.port });
    console.log(await lastValueFrom(client.send('ping', 0)), await lastValueFrom(client.send('report', 0)));
    const refused = await lastValueFrom(client.send('report', 0)).catch((error) => error);
    console.log(refused.code, refused.retryAfterMs);
    await app.close();`,
  'clients.ts': `
    import { NestFactory } from '@nestjs/core';
    import { ThrottledUdpTransport } from 'nestjs-throttled-udp';
    import { Calculator, CalculatorModule } from './clients.js';
    const service = new ThrottledUdpTransport({ port: 0 });
    service.addHandler('sum', async (data, context) => data.length + ' ' + context.getMetadata().trace);
    await new Promise((resolve) => service.listen(resolve));
    const app = await NestFactory.createApplicationContext(CalculatorModule, { logger: false });
    console.log(await app.get(Calculator).sum([1, 2], service.address()!.port));
    await app.close();
    await service.close();`,
};

const PRINTS: Readonly<Record<string, readonly RegExp[]>> = {
  'main.ts': [/Listening on udp 127\.0\.0\.1:\d+, upload 100 kB\/s, download 1 MB\/s/, /^6$/],
  'limits.ts': [/queuedBytes: 0/],
  'budgets.ts': [/^3 up$/, /^\["line 0","line 1"\]$/, /^200000 50000 3$/],
  'handlers.ts': [/^21\.5 from 127\.0\.0\.1:\d+$/, /^\[\{"i":0\},\{"i":1\}\]$/, /^\[0,1,4\]$/],
  'raw.ts': [/^echo said$/],
  'statsd.codec.ts': [/"pattern":"c","data":\{"name":"a\.b","value":1\}.*"pattern":"ms"/],
  'clients.ts': [/^2 a1$/],
  'filtered.ts': [/^\[ '10\.0\.0\.66', '10\.9\.0\.0\/16' \] \{$/, /waiting: 0,/],
  'throttled.ts': [/^pong much work$/, /^throttled [1-6]\d000$/],
  'several-processes.ts': [/challenges: 0, proofs: 0, proofsRefused: 0, provenPeers: 0/],
};

describe('README.md', () => {
  let folder: string;

  beforeAll(() => {
    // Inside the project, so that the snippets find its dependencies.
    mkdirSync('.cache', { recursive: true });
    folder = mkdtempSync(join('.cache', 'readme-'));
    for (const { name, text } of snippets) writeFileSync(join(folder, name), text);
    for (const [name, text] of Object.entries(DRIVERS)) writeFileSync(join(folder, `run-${name}`), text);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it('names every snippet, and each is run', () => {
    expect(snippets.map(({ name }) => name).sort()).toEqual(Object.keys(PRINTS).sort());
  });

  it.each(snippets.map(({ name }) => name))('runs %s as pasted', async (name) => {
    const file = join(folder, name in DRIVERS ? `run-${name}` : name);
    if (name === 'main.ts') {
      const port = await freePort();
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('12346', String(port)));
    }
    const program = new Program(file, [], { NO_COLOR: '1' });
    for (const pattern of PRINTS[name] ?? []) await program.line(pattern);
    if (name === 'main.ts') program.kill('SIGTERM');
    expect(await program.ended).toBe(name === 'main.ts' ? 'SIGTERM' : 0);
  });
});

describe('PROTOCOL.md', () => {
  const lines = blocksOf('PROTOCOL.md', 'json').flatMap(({ text }) => text.trim().split('\n'));

  it('has examples', () => expect(lines.length).toBeGreaterThanOrEqual(8));

  it.each(lines)('shows a datagram that is read and written alike: %s', (line) => {
    const codec = new JsonCodec();
    const packet: Packet = codec.decode(Buffer.from(line));
    expect(Buffer.from(codec.encode(packet)).toString()).toBe(line);
  });
});

/** A free port below those that port 0 picks: the snippet names one, and no other test can take it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      const probe = await RawPeer.open(port);
      await probe.close();
      return port;
    } catch {
      // Somebody has it: try another.
    }
  }
}
