/** The id of a question: its slot, the run of the load, and its round. 16 hexadecimal digits. */
export function idOf(slot: number, round: number): string {
  return slot.toString(16).padStart(4, '0') + run + round.toString(16).padStart(8, '0');
}

/** Reads what {@link idOf} wrote. */
export function answered(id: string, tell: (slot: number, round: number) => void): void {
  tell(parseInt(id.slice(0, 4), 16), parseInt(id.slice(8), 16));
}

/** Ids of what is asked from now on are others than before. */
export function beginRun(): void {
  run = nextId().slice(0, 4);
}

/** 16 hexadecimal digits. */
export function nextId(): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(Math.random() * 65_536)
      .toString(16)
      .padStart(4, '0'),
  ).join('');
}

/** Where an id is to be written. */
export const NO_ID = '0'.repeat(16);

let run = '0000';
