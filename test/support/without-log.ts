import { afterAll, beforeAll } from '@jest/globals';
import { ConsoleLogger, Logger } from '@nestjs/common';

/** Nest logs nothing while the tests of this block run. */
export function withoutLog(): void {
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(new ConsoleLogger()));
}
