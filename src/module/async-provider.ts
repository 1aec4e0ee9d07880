import type { InjectionToken, Provider } from '@nestjs/common';
import { InvalidOptionError } from '../common/invalid-option.error.js';
import type { AsyncWays } from './module.options.js';

/**
 * The providers behind `useFactory`, `useClass` or `useExisting`.
 *
 * @param token under which the options will stand
 * @param make gets the options from a factory class
 * @throws {InvalidOptionError} none of the three was given, or several were
 */
export function asyncProviders<Options, Factory>(
  token: InjectionToken,
  ways: AsyncWays<Options, Factory>,
  make: (factory: Factory) => Options | Promise<Options>,
): Provider[] {
  const { useFactory, useClass, useExisting, inject = [] } = ways;
  const given = [useFactory, useClass, useExisting].filter((way) => way !== undefined);
  if (given.length !== 1) {
    throw new InvalidOptionError(
      'useFactory',
      'or useClass or useExisting must be given, and only one of them',
    );
  }
  if (useFactory !== undefined) return [{ provide: token, useFactory, inject }];
  if (useClass !== undefined) {
    return [
      { provide: useClass, useClass },
      { provide: token, useFactory: make, inject: [useClass] },
    ];
  }
  return [{ provide: token, useFactory: make, inject: [useExisting as InjectionToken] }];
}
