import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A program of the comparison, as a process of its own that answers one question at a time. */
export class Child {
  private constructor(
    private readonly process: ChildProcess,
    /** Where it listens, if it does. */
    readonly port: number,
  ) {}

  /** @param program its file beside this one, without the ending */
  static async start(program: string, ...args: readonly string[]): Promise<Child> {
    const child = fork(new URL(`./${program}.js`, import.meta.url), args);
    const [first] = (await once(child, 'message')) as [{ port?: number }];
    return new Child(child, first.port ?? 0);
  }

  async ask<T>(question: object | string): Promise<T> {
    this.process.send(question);
    const [answer] = (await once(this.process, 'message')) as [T];
    return answer;
  }

  async stop(): Promise<void> {
    const ended = once(this.process, 'exit');
    this.process.disconnect();
    await ended;
  }
}
