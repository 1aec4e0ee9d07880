import { describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { ThrottledUdpTransport, type UdpContext } from '../../src/index.js';
import { ManualClock, VirtualNetwork } from '../../src/testing/index.js';
import { withoutLog } from '../support/without-log.js';

describe('ThrottledUdpClient on the socket of a transport', () => {
  withoutLog();

  it('fails its own requests when it closes, and no others', async () => {
    const clock = new ManualClock();
    const network = new VirtualNetwork({ clock });
    const server = new ThrottledUdpTransport(
      { port: 5000, drainTimeout: 0 },
      network.environment('10.0.0.1'),
    );
    const aborted: unknown[] = [];
    server.addHandler('slow', ((data: unknown, context: UdpContext) => {
      context.getSignal().addEventListener('abort', () => void aborted.push(data));
      return new Promise((resolve) => clock.after(100, () => resolve(data)));
    }) as never);
    await new Promise((resolve) => server.listen(resolve));
    const node = new ThrottledUdpTransport({ port: 5001 }, network.environment('10.0.0.2'));
    const [one, other] = [1, 2].map(() => node.createClient({ host: '10.0.0.1', port: 5000 }));
    const given = firstValueFrom(one!.send('slow', 'of the one')).catch(
      (error: unknown) => `${(error as { code: string }).code} @${clock.now()}`,
    );
    const kept = firstValueFrom(other!.send('slow', 'of the other'));
    await clock.advance(10);
    await one!.close();
    expect(await given).toBe('UDP_ENDPOINT_CLOSED @10');
    await clock.advance(100);
    expect(await kept).toBe('of the other');
    expect(aborted).toEqual(['of the one']);
    await Promise.all([other!.close(), node.close(), server.close(), clock.advance(10_000)]);
  });
});
