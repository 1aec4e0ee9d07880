import type { ThrottledUdpClient } from 'nestjs-throttled-udp';

/** A client that asks for more than the limit lets out, and counts what became of each request. */
export class Load {
  answered = 0;
  refused = 0;
  unanswered = 0;
  #asked = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly client: ThrottledUdpClient,
    requestsPerSecond: number,
  ) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * requestsPerSecond;
      while (this.#asked < due) this.#ask();
    }, 10);
  }

  get asked(): number {
    return this.#asked;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #ask(): void {
    this.client.send('page', this.#asked++).subscribe({
      next: () => this.answered++,
      error: ({ code }: { code?: string }) => {
        if (code === 'UDP_OVERFLOW') this.refused++;
        else this.unanswered++;
      },
    });
  }
}
