import { concatMap, Observable, of } from 'rxjs';

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as AsyncIterable<unknown> | null | undefined)?.[Symbol.asyncIterator] === 'function';
}

/**
 * The values of an AsyncIterable, each asked for when `whenSent` says that those before it have left.
 * Unsubscribing calls `return()` and does not wait for it: a generator that hangs would hang it too.
 */
export function pullFrom(
  iterable: AsyncIterable<unknown>,
  whenSent: () => Promise<void> | undefined,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const iterator = iterable[Symbol.asyncIterator]();
    let isOver = false;
    const pull = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await iterator.next();
        if (isOver) return;
        if (done === true) break;
        subscriber.next(value);
        await whenSent();
        if (subscriber.closed) return;
      }
      isOver = true;
      subscriber.complete();
    };
    pull().catch((error: unknown) => {
      isOver = true;
      subscriber.error(error);
    });
    return () => {
      if (isOver) return;
      isOver = true;
      void giveUp(iterator);
    };
  });
}

async function giveUp(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The handler was told to stop; how it takes that is nobody's concern any more.
  }
}

/** Replaces each AsyncIterable that an Observable emits by its values, in order. */
export function flatten(
  source: Observable<unknown>,
  pull: (iterable: AsyncIterable<unknown>) => Observable<unknown>,
): Observable<unknown> {
  return source.pipe(concatMap((value) => (isAsyncIterable(value) ? pull(value) : of(value))));
}
