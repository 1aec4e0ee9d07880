import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { ThrottledUdpClient, UdpRecordBuilder } from '../../src/index.js';

/** Somebody who asks all the time, and knows the right answers. */
export interface HonestPeer {
  /** Requests that were answered rightly. */
  readonly answered: number;
  /** What else happened, by its code, and how often. */
  readonly refused: ReadonlyMap<string, number>;
  /** Answers that were wrong; must be none. */
  readonly wrong: readonly string[];
  /** Asks no more, and waits for what was asked. */
  end(): Promise<void>;
}

/** Asks a subject that speaks the exchange, several requests at once, one after the other. */
export class HonestClient implements HonestPeer {
  answered = 0;
  readonly refused = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #client: ThrottledUdpClient;
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(port: number) {
    this.#client = new ThrottledUdpClient({ port, timeout: 30_000, recvBufferSize: 2 ** 20 });
    this.#loops = Array.from({ length: 4 }, (_, loop) => this.#loop(loop));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    await this.#client.close();
  }

  async #loop(loop: number): Promise<void> {
    for (let turn = loop; !this.#isOver; turn++) {
      const [what, ask] = ASKED[turn % ASKED.length] as (typeof ASKED)[number];
      try {
        const problem = await ask(this.#client, turn);
        if (problem === undefined) this.answered++;
        else this.wrong.push(`${what}: ${problem}`);
      } catch (error) {
        const code = (error as { code?: string }).code ?? String(error);
        this.refused.set(`${what} ${code}`, (this.refused.get(`${what} ${code}`) ?? 0) + 1);
      }
    }
  }
}

type Ask = (client: ThrottledUdpClient, turn: number) => Promise<string | undefined>;

function expects(pattern: string, data: (turn: number) => unknown, answer: (turn: number) => unknown): Ask {
  return async (client, turn) =>
    differs(await firstValueFrom(client.send(pattern, data(turn))), answer(turn));
}

function differs(seen: unknown, expected: unknown): string | undefined {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(expected)];
  return one === other ? undefined : `${one?.slice(0, 100)} instead of ${other?.slice(0, 100)}`;
}

function streams(pattern: string): Ask {
  return async (client, turn) => {
    const length = turn % 20;
    const values = await lastValueFrom(client.send<number>(pattern, length).pipe(toArray()));
    return differs(
      values,
      Array.from({ length }, (_, index) => index),
    );
  };
}

/** @param code what it must fail with */
function fails(pattern: string, code: string): Ask {
  return async (client) => {
    try {
      await firstValueFrom(client.send(pattern, 1));
      return 'was answered';
    } catch (error) {
      const { code: seen, message } = error as { code?: string; message?: string };
      if (seen === code || message === code) return undefined;
      throw error;
    }
  };
}

const ASKED: readonly (readonly [string, Ask])[] = [
  [
    'value',
    expects(
      'value',
      (turn) => ({ turn }),
      (turn) => ({ turn }),
    ),
  ],
  [
    'promise',
    expects(
      'promise',
      (turn) => [turn, 'ß漢🎉'],
      (turn) => [turn, 'ß漢🎉'],
    ),
  ],
  ['observable', streams('observable')],
  ['generator', streams('generator')],
  [
    'large reply',
    expects(
      'large',
      () => 30_000,
      () => 'l'.repeat(30_000),
    ),
  ],
  [
    'large request',
    expects(
      'length',
      (turn) => 'q'.repeat(2000 + (turn % 20_000)),
      (turn) => 2000 + (turn % 20_000),
    ),
  ],
  [
    'slow',
    expects(
      'slow',
      (turn) => turn,
      (turn) => turn,
    ),
  ],
  ['failing', fails('failing', 'Internal server error')],
  [
    'limited',
    expects(
      'limited',
      (turn) => turn,
      (turn) => turn,
    ),
  ],
  ['nobody', fails('nobody', 'UDP_NO_HANDLER')],
  [
    'confirmed',
    async (client) => {
      const event = new UdpRecordBuilder(1).setConfirmable().build();
      await lastValueFrom(client.emit('confirmed', event), { defaultValue: undefined });
      return undefined;
    },
  ],
];

/** Asks a subject without the exchange, and asks again what was lost. */
export class HonestRawPeer implements HonestPeer {
  answered = 0;
  readonly refused = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #socket = createSocket({ type: 'udp4', recvBufferSize: 2 ** 20 });
  readonly #loop: Promise<void>;
  #isOver = false;

  constructor(private readonly port: number) {
    this.#loop = this.#run();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
    this.#socket.close();
  }

  async #run(): Promise<void> {
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    for (let turn = 0; !this.#isOver; turn++) await this.#ask(`${'ep'[turn & 1]} honest ${turn}`);
  }

  async #ask(text: string): Promise<void> {
    for (let attempt = 0; attempt < 60; attempt++) {
      this.#socket.send(text, this.port, '127.0.0.1');
      try {
        const [answer] = (await once(this.#socket, 'message', { signal: AbortSignal.timeout(500) })) as [
          Buffer,
        ];
        // A late answer to an earlier copy is no wrong one.
        if (String(answer) === text) {
          this.answered++;
          return;
        }
        if (!/^[ep] honest \d+$/.test(String(answer))) this.wrong.push(String(answer));
      } catch {
        // Lost by the kernel: again.
      }
    }
    this.wrong.push(`no answer to ${text}`);
  }
}

/** Asks a service that lies: whatever comes of it, each request must end. */
export class PatientClient implements HonestPeer {
  answered = 0;
  readonly refused = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #client: ThrottledUdpClient;
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(port: number) {
    this.#client = new ThrottledUdpClient({ port, timeout: 300, streamTimeout: 500 });
    this.#loops = Array.from({ length: 20 }, (_, loop) => this.#loop(loop));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    const { inFlight, exchange } = this.#client.stats().packets;
    if (inFlight !== 0) this.wrong.push(`${inFlight} requests are still in flight`);
    if (exchange?.reassemblyBytes !== 0) this.wrong.push(`${exchange?.reassemblyBytes} bytes are still held`);
    await this.#client.close();
  }

  async #loop(loop: number): Promise<void> {
    for (let turn = loop; !this.#isOver; turn++) {
      const data = turn % 5 === 0 ? 'q'.repeat(5000) : turn;
      const asked = turn % 7 === 0 ? this.#event(data) : this.#client.send('value', data);
      // Whatever a service streams without end is for its client to bound.
      const deadline = new Promise<string>((resolve) => setTimeout(resolve, MOST_MS, 'no end'));
      const outcome = lastValueFrom(asked, { defaultValue: undefined }).then(
        () => 'answered',
        (error: unknown) => (error as { code?: string }).code ?? 'failed',
      );
      const end = await Promise.race([outcome, deadline]);
      if (end === 'no end') this.wrong.push(`a request had no end within ${MOST_MS} ms`);
      else if (end === 'answered') this.answered++;
      else this.refused.set(end, (this.refused.get(end) ?? 0) + 1);
    }
  }

  #event(data: unknown) {
    return this.#client.emit('event', new UdpRecordBuilder(data).setConfirmable().build());
  }
}

// A service may answer forever; this one does not, and a client bounds each silence.
const MOST_MS = 20_000;
