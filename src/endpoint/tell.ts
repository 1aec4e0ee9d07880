import type { OutgoingDatagram } from './datagram-socket.js';

/** Tells what became of a datagram. Who fails at hearing it must not keep the others from being told. */
export function tell(datagram: OutgoingDatagram, error: Error | undefined): void {
  try {
    datagram.done(error);
  } catch (failure) {
    setImmediate(() => {
      throw failure;
    });
  }
}
