import { Program } from './programs.js';

/** What a {@link startRelay relay} does to datagrams. */
export interface RelayConditions {
  /** Share that vanishes, each way. */
  readonly loss?: number;
  /** Share that comes twice. */
  readonly duplicate?: number;
  /** Share that is overtaken. */
  readonly reorder?: number;
  /** Milliseconds, each way. */
  readonly delay?: number;
  readonly seed?: number;
}

/** A bad network as a process of its own, in front of a port. */
export interface Relay {
  /** Where to send instead. */
  readonly port: number;
  close(): Promise<void>;
}

export async function startRelay(to: number, conditions: RelayConditions): Promise<Relay> {
  const args = Object.entries({ to, ...conditions }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const program = new Program('test/programs/lossy-relay.ts', args);
  const [, port] = await program.line(/^relay on (\d+)$/);
  return {
    port: Number(port),
    async close() {
      program.kill('SIGTERM');
      await program.ended;
    },
  };
}
