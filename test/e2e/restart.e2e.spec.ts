import { describe, expect, it } from '@jest/globals';
import { catchError, firstValueFrom, of, tap } from 'rxjs';
import { ThrottledUdpClient } from '../../src/index.js';
import { Program } from '../support/programs.js';

describe('a service that is killed and started again', () => {
  it('ends each of 1,000 requests in flight with its value, or says that its outcome is unknown', async () => {
    let service = await start(0);
    const { port } = service;
    const client = new ThrottledUdpClient({ port, timeout: 45_000 });
    const ends = new Map<string, number>();
    let answered = 0;
    let kill: () => void = () => undefined;
    const killed = new Promise<void>((resolve) => (kill = resolve));
    const requests = Array.from({ length: 1000 }, (_, n) =>
      firstValueFrom(
        client.send<number>('work', n).pipe(
          tap(() => {
            if (++answered === 200) kill();
          }),
          catchError((error: { code?: string }) => of(error.code ?? 'no code')),
        ),
      ).then((end) => {
        const name = end === 2 * n ? 'right' : String(end);
        ends.set(name, (ends.get(name) ?? 0) + 1);
      }),
    );
    await killed;
    service.program.kill('SIGKILL');
    await service.program.ended;
    service = await start(port);
    await Promise.all(requests);

    process.stdout.write(`1,000 requests: ${JSON.stringify(Object.fromEntries(ends))}\n`);
    expect([...ends.keys()].sort()).toEqual(['UDP_OUTCOME_UNKNOWN', 'right']);
    expect(ends.get('right')).toBeGreaterThanOrEqual(200);
    // Those whose handlers ran when the process died, at the least.
    expect(ends.get('UDP_OUTCOME_UNKNOWN')).toBeGreaterThan(0);
    expect(client.stats().packets).toMatchObject({
      inFlight: 0,
      exchange: { waiting: 0, reassemblyBytes: 0 },
    });
    await client.close();
    service.program.kill('SIGKILL');
    await service.program.ended;
  });
});

async function start(port: number): Promise<{ program: Program; port: number }> {
  const program = new Program('test/programs/work-service.ts', [String(port), '100']);
  const [, bound] = await program.line(/^listening on (\d+)$/);
  return { program, port: Number(bound) };
}
