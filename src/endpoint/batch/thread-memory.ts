import type { Libc } from './libc.js';
import { AF_INET, AF_INET6 } from './linux.js';
import { MessageSlab } from './message-slab.js';
import { AddressBook } from './address-book.js';

/**
 * What all sockets of a thread use in turn: no system call is made while another one's messages are being read or
 * written.
 */
export interface ThreadMemory {
  readonly incoming: MessageSlab;
  readonly outgoing: MessageSlab;
  readonly peersOf: (family: number) => AddressBook;
}

let memory: ThreadMemory | undefined;

export function threadMemory(libc: Libc): ThreadMemory {
  memory ??= createMemory(libc);
  return memory;
}

/** Of its own; a test sees payloads cut where slots are small. */
export function createMemory(libc: Libc, slotBytes?: number): ThreadMemory {
  const tables = new Map([AF_INET, AF_INET6].map((family) => [family, new AddressBook(libc, family)]));
  return {
    incoming: new MessageSlab(libc, slotBytes),
    outgoing: new MessageSlab(libc),
    peersOf: (family) => tables.get(family) as AddressBook,
  };
}
