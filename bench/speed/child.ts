import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { keepOnOneProcessor, type Side } from './processors.js';

/** A program of the comparison, as a process of its own that answers one question at a time. */
export class Child {
  private constructor(
    private readonly process: ChildProcess,
    /** Where it listens, if it does. */
    readonly port: number,
  ) {}

  /** @param program its file beside this one, without the ending */
  static async start(side: Side, program: string, ...args: readonly string[]): Promise<Child> {
    const execArgv = [...process.execArgv, KEEP_ROOM];
    const child = fork(new URL(`./${program}.js`, import.meta.url), args, { execArgv });
    const { port = 0 } = await messageOf<{ port?: number }>(child);
    keepOnOneProcessor(child.pid!, side);
    return new Child(child, port);
  }

  async ask<T>(question: object | string): Promise<T> {
    this.process.send(question);
    return messageOf<T>(this.process);
  }

  async stop(): Promise<void> {
    const ended = once(this.process, 'exit');
    this.process.disconnect();
    await ended;
  }
}

/** The next message of a process. @throws {Error} it ends instead: nobody would be told, and all wait for ever */
function messageOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off('exit', onExit);
      resolve(message as T);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      child.off('message', onMessage);
      reject(new Error(`${child.spawnargs.slice(-2).join(' ')} ended with ${signal ?? code}`));
    };
    child.once('message', onMessage).once('exit', onExit);
  });
}

/**
 * All the room for new objects that a process is given when it is busy, 16 MB, at once and for good. Whoever waits for
 * its turn is busy one second of ten, and V8 takes that room away in the pause: then it collects garbage 16 times as
 * often, and one request in a hundred waits for it.
 */
const KEEP_ROOM = '--min-semi-space-size=16';
