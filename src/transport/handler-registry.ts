import type { MessageHandler } from '@nestjs/microservices';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import { show } from '../common/option-reader.js';
import type { MutablePassage } from '../endpoint/passage.js';
import { isBoundedPattern, MAX_DEPTH, MAX_KEYS, MAX_PATTERN_LENGTH } from './pattern-bounds.js';

/** A handler, and the way of its replies. */
export interface RoutedHandler {
  readonly handle: MessageHandler;
  readonly passage: MutablePassage;
}

/**
 * The handlers of a transport, by route, and how a pattern from the wire finds them.
 *
 * Nest's own look-up runs `JSON.parse` on every text, which throws for a plain `sum`: several microseconds a
 * message. Here a text that names a route is found at once; anything else is worked out once and remembered in
 * a bounded map, for patterns come from peers. What is longer, deeper or larger than any pattern of ours finds
 * nothing, and Nest never sees it.
 */
export class HandlerRegistry {
  readonly #byRoute = new Map<string, Route>();
  readonly #remembered = new Map<string, Route>();
  readonly #raw: RoutedHandler[] = [];
  #longest = MAX_PATTERN_LENGTH;

  /** @param routeOf Nest's name for a pattern; a text that holds JSON counts as what the JSON says */
  constructor(private readonly routeOf: (pattern: unknown) => string) {}

  /**
   * Adds to the event handlers of a route, or replaces its message handler, as Nest does.
   *
   * @param route name that Nest gives to the pattern
   * @throws {InvalidOptionError} the route has handlers of the other kind, or the pattern is an object that is
   *   never looked up: some handler would never be called
   */
  add(route: string, handler: RoutedHandler, isEventHandler: boolean, pattern: unknown = route): void {
    if (typeof pattern === 'object' && pattern !== null && !isBoundedPattern(pattern, Infinity)) {
      throw new InvalidOptionError(
        'pattern',
        `must be nested ${MAX_DEPTH} levels deep at most, and have ${MAX_KEYS} keys at most`,
      );
    }
    const present = this.#byRoute.get(route);
    if (present !== undefined && present.isEvent !== isEventHandler) {
      throw new InvalidOptionError(
        `pattern ${show(route)}`,
        'stands on an EventPattern and on a MessagePattern: one of them would never be called',
      );
    }
    const handlers = isEventHandler ? [...(present?.handlers ?? []), handler] : [handler];
    this.#byRoute.set(route, { isEvent: isEventHandler, handlers });
    this.#longest = Math.max(this.#longest, route.length);
    this.#remembered.clear();
  }

  /** Adds a handler of raw datagrams. */
  addRaw(handler: RoutedHandler): void {
    this.#raw.push(handler);
  }

  /** Handlers of raw datagrams, in the order they were added. */
  get raw(): readonly RoutedHandler[] {
    return this.#raw;
  }

  /** @returns the handlers of a pattern: one message handler, or one or more event handlers, or none */
  find(pattern: unknown): readonly RoutedHandler[] {
    return this.#routeFor(pattern)?.handlers ?? NONE;
  }

  #routeFor(pattern: unknown): Route | undefined {
    if (typeof pattern === 'object' && pattern !== null) {
      return isBoundedPattern(pattern, this.#longest) ? this.#byRoute.get(this.routeOf(pattern)) : undefined;
    }
    if (typeof pattern !== 'string') return this.#byRoute.get(this.routeOf(pattern));
    if (pattern.length > this.#longest) return undefined;
    return this.#byRoute.get(pattern) ?? this.#remembered.get(pattern) ?? this.#workOut(pattern);
  }

  #workOut(pattern: string): Route | undefined {
    const route = this.#byRoute.get(this.routeOf(pattern));
    // Names of no route are not remembered: there is no end to what peers can make up.
    if (route === undefined || pattern.length > LONGEST_REMEMBERED) return route;
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(pattern, route);
    return route;
  }
}

/** All that stands under one name. */
interface Route {
  readonly isEvent: boolean;
  readonly handlers: readonly RoutedHandler[];
}

const NONE: readonly RoutedHandler[] = [];

const MAX_REMEMBERED = 1024;

const LONGEST_REMEMBERED = 256;
