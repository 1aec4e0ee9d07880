import { getSystemErrorName } from 'node:util';

/** What a system call has failed with, in the form of Node's own errors. */
export class SystemError extends Error {
  override readonly name = 'Error';
  /** Such as `EADDRINUSE`. */
  readonly code: string;
  /** Its number, below 0 as Node has it. */
  readonly errno: number;

  /**
   * @param syscall name of the call
   * @param errno its number, above 0
   * @param subject what the call was about
   */
  constructor(
    readonly syscall: string,
    errno: number,
    subject?: string,
  ) {
    const code = getSystemErrorName(-errno);
    super(`${syscall} ${code}${subject === undefined ? '' : ` ${subject}`}`);
    this.code = code;
    this.errno = -errno;
  }
}
