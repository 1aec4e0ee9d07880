import { Socket } from 'node:dgram';
import dns from 'node:dns';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { ReceivedDatagram } from '../../src/endpoint/datagram-socket.js';
import { EndpointClosedError, SendFailedError } from '../../src/endpoint/endpoint.errors.js';
import { NodeDatagramSocket } from '../../src/endpoint/node-datagram-socket.js';
import { resolveSocketOptions, type UdpSocketOptions } from '../../src/endpoint/socket.options.js';

describe('NodeDatagramSocket', () => {
  const open: NodeDatagramSocket[] = [];
  afterEach(() => Promise.all(open.splice(0).map((socket) => socket.close())));

  it('tells each datagram of a batch its fate', async () => {
    const { socket, local, batches } = await bound();
    const wrong = PeerAddress.of('::1', local.port);
    const fates = await send(socket, [
      [Buffer.from('a'), local],
      [Buffer.from('b'), wrong],
      [Buffer.alloc(65_508), local],
      [Buffer.from('c'), PeerAddress.of('127.0.0.1', 70_000)],
      [Buffer.from('d'), local],
    ]);
    expect(fates).toEqual(['left', 'EINVAL', 'EMSGSIZE', 'ERR_SOCKET_BAD_PORT', 'left']);
    await until(() => batches.length === 2);
    expect(batches.map((batch) => batch.map(({ data }) => data.toString()))).toEqual([['a'], ['d']]);
  });

  it('tells EMSGSIZE in words when the kernel is the one to say it', async () => {
    const { socket, local } = await bound();
    const cause = await new Promise<Error | undefined>((done) => {
      socket.send([{ data: Buffer.alloc(65_508), peer: local, done }]);
    });
    expect(new SendFailedError(local, cause)).toMatchObject({
      errno: 'EMSGSIZE',
      message: `cannot send to ${local.key}: EMSGSIZE (larger than the path or the protocol allows)`,
    });
  });

  it('answers one that is alone at once, and those of a turn that brings many together', async () => {
    const told: string[] = [];
    const { socket, local } = await bound({}, 0, ({ data, peer }) => {
      told.push(`${data.toString()} came`);
      socket.send([
        {
          data: Buffer.from(`re ${data.toString()}`),
          peer,
          done: () => void told.push(`${data.toString()} answered`),
        },
      ]);
    });
    const asking = await bound();
    // All of them are with the kernel before the event loop looks for any.
    const ask = async (texts: string): Promise<string[]> => {
      const before = asking.batches.flat().length;
      const toldBefore = told.length;
      await send(
        asking.socket,
        Array.from(texts, (text) => [Buffer.from(text), local] as const),
      );
      await until(() => asking.batches.flat().length === before + texts.length);
      await nextTurn();
      return told.slice(toldBefore);
    };
    expect(await ask('abcd')).toEqual([
      'a came',
      'a answered',
      'b came',
      'c came',
      'd came',
      'b answered',
      'c answered',
      'd answered',
    ]);
    // The one before has brought many: now the first one waits for the others, too.
    expect(await ask('ef')).toEqual(['e came', 'f came', 'e answered', 'f answered']);
    expect(await ask('g')).toEqual(['g came', 'g answered']);
    expect(await ask('hij')).toEqual([
      'h came',
      'h answered',
      'i came',
      'j came',
      'i answered',
      'j answered',
    ]);
    // More than one portion: none is answered before the last one has come.
    const many = await ask('klmnopqrst');
    expect(many.map((line) => line.slice(2))).toEqual([
      ...Array.from({ length: 10 }, () => 'came'),
      ...Array.from({ length: 10 }, () => 'answered'),
    ]);
    expect(asking.batches.flat().map(({ data }) => data.toString())).toEqual(
      Array.from('abcdefghijklmnopqrst', (text) => `re ${text}`),
    );
  });

  it('hands on later what has come while an earlier batch could not come to rest', async () => {
    const heard: string[] = [];
    const { local } = await bound({}, 0, ({ data }) => void heard.push(data.toString()));
    const asking = await bound();
    const ask = (texts: string): Promise<string[]> =>
      send(
        asking.socket,
        Array.from(texts, (text) => [Buffer.from(text), local] as const),
      );
    // As after an error that nobody has caught: what goes on in this turn otherwise goes on in a later one.
    let goOn: (() => void) | undefined;
    const nextTick = jest.spyOn(process, 'nextTick').mockImplementation(((task: () => void) => {
      goOn = task;
    }) as typeof process.nextTick);
    try {
      await ask('abc');
      await until(() => goOn !== undefined);
      nextTick.mockRestore();
      await ask('de');
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      expect(heard.join('')).toBe('abc');
      goOn?.();
      await until(() => heard.length === 5);
      expect(heard.join('')).toBe('abcde');
    } finally {
      nextTick.mockRestore();
    }
  });

  it('hands nothing on when it closes, also of what is here', async () => {
    const heard: string[] = [];
    const { socket, local } = await bound({}, 0, ({ data }) => {
      heard.push(data.toString());
      if (data.toString() === 'b') void socket.close();
    });
    const asking = await bound();
    await send(
      asking.socket,
      Array.from('abcdefghijklm', (text) => [Buffer.from(text), local] as const),
    );
    await until(() => heard.includes('b'));
    await socket.close();
    // The rest of the portion is its listener's to refuse.
    expect(heard.join('')).toBe('abcde');
  });

  it('lets what waits for the end of a turn leave before it closes', async () => {
    const { socket, local } = await bound({}, 0, ({ data, peer }) => {
      socket.send([{ data: Buffer.from(`re ${data.toString()}`), peer, done: () => undefined }]);
      if (data.toString() === 'b') void socket.close();
    });
    const asking = await bound();
    await send(asking.socket, [
      [Buffer.from('a'), local],
      [Buffer.from('b'), local],
    ]);
    await until(() => asking.batches.length === 2);
    expect(asking.batches.map(([first]) => first?.data.toString())).toEqual(['re a', 're b']);
  });

  it('tells the others where one who is told fails', async () => {
    const { socket, local } = await bound();
    const closed = socket.close();
    const later: (() => void)[] = [];
    jest
      .spyOn(globalThis, 'setImmediate')
      .mockImplementationOnce(((task: () => void) => later.push(task)) as never);
    const told: string[] = [];
    const failing = (): never => {
      throw new Error('mine');
    };
    socket.send([
      { data: Buffer.from('a'), peer: local, done: failing },
      { data: Buffer.from('b'), peer: local, done: (error) => void told.push(String(error?.name)) },
    ]);
    jest.restoreAllMocks();
    expect(told).toEqual(['EndpointClosedError']);
    expect(later[0]).toThrow('mine');
    await closed;
  });

  it('lets what was sent leave before it closes, and takes nothing after', async () => {
    const { socket, local } = await bound();
    const before = send(
      socket,
      Array.from({ length: 100 }, () => [Buffer.from('x'), local] as const),
    );
    const closed = socket.close();
    const after = send(socket, [[Buffer.from('y'), local]]);
    expect(await before).toEqual(Array.from({ length: 100 }, () => 'left'));
    expect(await after).toEqual(['UDP_ENDPOINT_CLOSED']);
    await closed;
    await socket.close();
  });

  it('looks no literal address up, and sets what it was asked to', async () => {
    const called: string[] = [];
    const spies = (['setTTL', 'setMulticastTTL', 'setMulticastLoopback', 'setBroadcast'] as const).map(
      (name) =>
        jest.spyOn(Socket.prototype, name).mockImplementation((value: unknown) => {
          called.push(`${name} ${String(value)}`);
          return undefined as never;
        }),
    );
    const lookup = jest.spyOn(dns, 'lookup');
    const { socket, local } = await bound({
      ttl: 7,
      broadcast: true,
      multicast: { ttl: 9, loopback: false },
    });
    expect(await send(socket, [[Buffer.from('x'), local]])).toEqual(['left']);
    expect(lookup).not.toHaveBeenCalled();
    expect(called.sort()).toEqual([
      'setBroadcast true',
      'setMulticastLoopback false',
      'setMulticastTTL 9',
      'setTTL 7',
    ]);
    for (const spy of [...spies, lookup]) spy.mockRestore();
  });

  it('closes quietly when it was closed through unwrap()', async () => {
    const { socket } = await bound();
    socket.unwrap().close();
    await socket.close();
  });

  it('settles what Node forgets when the socket is closed behind its back', async () => {
    const { socket, local } = await bound();
    const fates: (Error | undefined)[] = [];
    // Node drops the callback of a send whose look-up is still under way.
    socket.unwrap().send = (() => undefined) as never;
    socket.send([{ data: Buffer.from('x'), peer: local, done: (error) => void fates.push(error) }]);
    await socket.close();
    expect(fates).toHaveLength(1);
    expect(fates[0]).toBeInstanceOf(EndpointClosedError);
  });

  async function bound(
    options: UdpSocketOptions = {},
    port = 0,
    onDatagram: (datagram: ReceivedDatagram) => void = () => undefined,
  ) {
    const batches: (readonly ReceivedDatagram[])[] = [];
    const socket = new NodeDatagramSocket(resolveSocketOptions(options, '127.0.0.1', undefined, undefined), {
      onDatagrams: (batch) => {
        batches.push(batch);
        batch.forEach(onDatagram);
      },
      onError: () => undefined,
    });
    open.push(socket);
    const address = await socket.bind('127.0.0.1', port);
    return { socket, batches, local: PeerAddress.of(address.address, address.port) };
  }
});

async function send(
  socket: NodeDatagramSocket,
  datagrams: readonly (readonly [data: Buffer, peer: PeerAddress])[],
): Promise<string[]> {
  const fates: Promise<string>[] = [];
  const batch = datagrams.map(([data, peer]) => {
    let done: (error?: Error) => void = () => undefined;
    fates.push(
      new Promise((resolve) => {
        done = (error) => resolve(error === undefined ? 'left' : (error as Error & { code: string }).code);
      }),
    );
    return { data, peer, done };
  });
  socket.send(batch);
  return Promise.all(fates);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn();
}
