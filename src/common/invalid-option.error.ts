import { ThrottledUdpError } from './throttled-udp.error.js';

/** An option that cannot be meant: thrown by constructors and by calls that take options. */
export class InvalidOptionError extends ThrottledUdpError {
  override readonly name = 'InvalidOptionError';
  readonly code = 'UDP_INVALID_OPTION';

  /**
   * @param field path of the option, such as `upload.rate`
   * @param problem what is wrong with it, as the rest of a sentence: `must not be negative, got -1`
   */
  constructor(
    readonly field: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${field} ${problem}`, options);
  }
}
