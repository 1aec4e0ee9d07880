import { Injectable } from '@nestjs/common';

/** The last lines that were logged, and how many each client logged. */
@Injectable()
export class LogStore {
  readonly #lines: string[] = [];
  readonly #counts = new Map<string, number>();

  add(line: string, client: string): void {
    this.#lines.push(line.slice(0, MAX_LINE_LENGTH));
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES);
    const count = this.#counts.get(client) ?? 0;
    if (count > 0 || this.#counts.size < MAX_CLIENTS) this.#counts.set(client, count + 1);
  }

  last(count: number): string[] {
    return count > 0 ? this.#lines.slice(-count) : [];
  }

  /** Lines of a client that were accepted; those past the first thousand clients are not counted. */
  acceptedFrom(client: string): number {
    return this.#counts.get(client) ?? 0;
  }
}

const MAX_LINES = 1000;

const MAX_LINE_LENGTH = 1000;

const MAX_CLIENTS = 1000;
