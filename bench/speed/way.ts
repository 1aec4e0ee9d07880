/** Asks one server in its own words. */
export interface Way {
  /** Datagrams that were sent beside the requests. */
  readonly others: number;
  onAnswer: (slot: number, round: number) => void;
  /** The server has not taken a request, and wants it again. */
  onRefusal: (slot: number) => void;
  ask(slot: number, round: number): void;
  close(): void | Promise<void>;
}
