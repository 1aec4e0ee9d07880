import { DEFAULT_RANK, type ClassRank } from '../common/traffic-class.js';
import { USUAL_PASSAGE, type MutablePassage } from '../endpoint/passage.js';
import { HandlerLimit } from '../shaping/limit.js';
import type { Bandwidth } from '../shaping/bandwidth.options.js';

/** What decorators say about the replies of one handler. */
export interface HandlerTerms {
  /** A limit of its own, or none at all. */
  readonly bandwidth?: Bandwidth | 'unmetered';
  readonly rank?: ClassRank;
}

/**
 * Decorates a handler, or all handlers of a controller that say nothing themselves.
 *
 * Terms travel in Nest's extras of a pattern, under one key of our own, so that they reach the strategy with the
 * handler. A method that a controller inherits gets a copy of its own first: its siblings share the original.
 */
export function withTerms(terms: HandlerTerms): ClassDecorator & MethodDecorator {
  return (target: object, _name?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (descriptor !== undefined) return write(descriptor.value as object, 'own', terms);
    for (const method of handlersOf(target as Constructor)) write(method, 'ofClass', terms);
  };
}

/** The way of a handler's replies by its extras; handlers that share their terms share the limit too. */
export function passageOf(extras: Record<string, unknown>, nowMs: number, known: PassageMap): MutablePassage {
  const layers = extras[TERMS_KEY] as TermsLayers | undefined;
  if (layers === undefined) return { ...USUAL_PASSAGE };
  let passage = known.get(layers);
  if (passage === undefined) {
    const { bandwidth, rank = DEFAULT_RANK } = { ...layers.ofClass, ...layers.own };
    const isUnmetered = bandwidth === 'unmetered';
    const limit = isUnmetered || bandwidth === undefined ? undefined : new HandlerLimit(bandwidth, nowMs);
    passage = { ...USUAL_PASSAGE, rank, isUnmetered, limit };
    known.set(layers, passage);
  }
  return passage;
}

/** Ways that were made, by what the decorators of a handler say. */
export type PassageMap = WeakMap<object, MutablePassage>;

/** What a handler says itself counts more than what its controller says. */
interface TermsLayers {
  readonly own?: HandlerTerms;
  readonly ofClass?: HandlerTerms;
}

type Constructor = abstract new (...args: never[]) => object;

type Method = (...args: unknown[]) => unknown;

function write(method: object, layer: keyof TermsLayers, terms: HandlerTerms): void {
  const extras = (Reflect.getMetadata(EXTRAS_METADATA, method) ?? {}) as Record<string, unknown>;
  const layers = extras[TERMS_KEY] as TermsLayers | undefined;
  // A new object for each handler: by it, patterns of one handler know that they share a limit.
  const written: TermsLayers = { ...layers, [layer]: { ...layers?.[layer], ...terms } };
  Reflect.defineMetadata(EXTRAS_METADATA, { ...extras, [TERMS_KEY]: written }, method);
}

/** The methods of a class that are handlers, its own copies where they are inherited. */
function handlersOf({ prototype }: Constructor): Method[] {
  const handlers = new Map<string, Method>();
  for (
    let at = prototype as object | null;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const method: unknown = Object.getOwnPropertyDescriptor(at, name)?.value;
      if (handlers.has(name) || typeof method !== 'function') continue;
      if (Reflect.hasMetadata(PATTERN_METADATA, method)) handlers.set(name, method as Method);
    }
  }
  return [...handlers].map(([name, method]) =>
    Object.hasOwn(prototype as object, name) ? method : copyInto(prototype as object, name, method),
  );
}

function copyInto(prototype: object, name: string, inherited: Method): Method {
  const copy: Method = function (this: unknown, ...args) {
    return inherited.apply(this, args);
  };
  for (const key of Reflect.getOwnMetadataKeys(inherited)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, inherited), copy);
  }
  Object.defineProperty(copy, 'name', { value: name });
  Object.defineProperty(prototype, name, { value: copy, writable: true, configurable: true });
  return copy;
}

// Nest's own names, the same in 11 and 12; it exports no constants.
const PATTERN_METADATA = 'microservices:pattern';

const EXTRAS_METADATA = 'microservices:pattern_extras';

const TERMS_KEY = 'throttledUdp';
