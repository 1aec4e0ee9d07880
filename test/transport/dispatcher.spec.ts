import { describe, expect, it } from '@jest/globals';
import { lastValueFrom, toArray } from 'rxjs';
import { ThrottledUdpClient, ThrottledUdpTransport, type UdpContext } from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';
import { withoutLog } from '../support/without-log.js';

describe('Dispatcher', () => {
  withoutLog();

  /** A service with several handlers of one event, and a client that asks it. */
  async function setUp(...handlers: ((data: unknown, context: UdpContext) => Promise<unknown>)[]) {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const server = new ThrottledUdpTransport({ port: 5000, drainTimeout: 0 }, network.environment());
    for (const handler of handlers) server.addHandler('reading', handler as never, true);
    await new Promise((resolve) => server.listen(resolve));
    const client = new ThrottledUdpClient({ port: 5000 }, network.environment());
    await client.connect();
    const close = async (): Promise<void> => {
      await Promise.all([client.close(), server.close(), clock.advance(10_000)]);
    };
    return { clock, client, close };
  }

  it('lets the first of several event handlers answer what somebody sends as a request', async () => {
    const ran: string[] = [];
    const { clock, client, close } = await setUp(
      async (data) => {
        ran.push(`first ${String(data)}`);
        return 'from the first';
      },
      async (data) => {
        ran.push(`second ${String(data)}`);
        return 'from the second';
      },
    );
    const values = lastValueFrom(client.send('reading', 21.5).pipe(toArray()));
    await clock.advance(10);
    expect(await values).toEqual(['from the first']);
    expect(ran).toEqual(['first 21.5', 'second 21.5']);
    await close();
  });

  it('tells the one that answers when its client has given up, and no other', async () => {
    const aborted: string[] = [];
    const never = (name: string) => (_data: unknown, context: UdpContext) => {
      context.getSignal().addEventListener('abort', () => void aborted.push(name));
      return new Promise<never>(() => undefined);
    };
    const { clock, client, close } = await setUp(never('first'), never('second'));
    const subscription = client.send('reading', 1).subscribe();
    await clock.advance(10);
    subscription.unsubscribe();
    await clock.advance(10);
    expect(aborted).toEqual(['first']);
    await close();
  });
});
