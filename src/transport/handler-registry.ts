import type { MessageHandler } from '@nestjs/microservices';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';

/**
 * The handlers of a transport, by route, and how a pattern from the wire finds them.
 *
 * Nest's own look-up runs `JSON.parse` on every text, which throws for a plain `sum`: several microseconds a
 * message. Here a text that names a route is found at once; anything else is worked out once and remembered in
 * a bounded map, for patterns come from peers.
 */
export class HandlerRegistry {
  readonly #byRoute = new Map<string, readonly MessageHandler[]>();
  readonly #remembered = new Map<string, readonly MessageHandler[]>();
  readonly #raw: MessageHandler[] = [];

  /** @param routeOf Nest's name for a pattern; a text that holds JSON counts as what the JSON says */
  constructor(private readonly routeOf: (pattern: unknown) => string) {}

  /**
   * @param route name that Nest gives to the pattern
   * @throws {InvalidOptionError} the route has handlers of the other kind: one kind would never be called
   */
  add(route: string, handler: MessageHandler, isEventHandler: boolean): void {
    const present = this.#byRoute.get(route);
    if (present?.[0] !== undefined && (present[0].isEventHandler ?? false) !== isEventHandler) {
      throw new InvalidOptionError(
        `pattern ${show(route)}`,
        'stands on an EventPattern and on a MessagePattern: one of them would never be called',
      );
    }
    this.#byRoute.set(route, isEventHandler ? [...(present ?? []), handler] : [handler]);
    this.#remembered.clear();
  }

  /** Adds a handler of raw datagrams. */
  addRaw(handler: MessageHandler): void {
    this.#raw.push(handler);
  }

  /** Handlers of raw datagrams, in the order they were added. */
  get raw(): readonly MessageHandler[] {
    return this.#raw;
  }

  /** @returns the handlers of a pattern: one message handler, or one or more event handlers, or none */
  find(pattern: unknown): readonly MessageHandler[] {
    if (typeof pattern !== 'string') return this.#byRoute.get(this.routeOf(pattern)) ?? NONE;
    return this.#byRoute.get(pattern) ?? this.#remembered.get(pattern) ?? this.#workOut(pattern);
  }

  #workOut(pattern: string): readonly MessageHandler[] {
    const handlers = this.#byRoute.get(this.routeOf(pattern)) ?? NONE;
    if (pattern.length > LONGEST_REMEMBERED) return handlers;
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(pattern, handlers);
    return handlers;
  }
}

const NONE: readonly MessageHandler[] = [];

const MAX_REMEMBERED = 1024;

const LONGEST_REMEMBERED = 256;
