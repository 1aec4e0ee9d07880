import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A program of ours as a process of its own. */
export class Program {
  readonly lines: string[] = [];
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;
  #waiting: (() => void)[] = [];

  /** @param file a TypeScript file, relative to the project's folder */
  constructor(file: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ['--import', './test/support/ts-loader.mjs', file, ...args], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream as NonNullable<typeof stream> }).on('line', (line) => {
        this.lines.push(line);
        this.#wake();
      });
    }
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#wake();
      return (code ?? signal) as number | string;
    });
  }

  /** Waits for a line that matches, among those that have come and those to come. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = this.lines.map((line) => pattern.exec(line)).find((found) => found !== null);
      if (match) return match;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the program ended without a line like ${pattern}:\n${this.lines.join('\n')}`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #wake(): void {
    for (const tell of this.#waiting.splice(0)) tell();
  }
}
