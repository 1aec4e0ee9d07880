/**
 * Lets a test start a TypeScript program as a process of its own, without a build:
 * `node --import ./test/support/ts-loader.mjs program.ts`.
 */
import { register } from 'node:module';

// Node 26 tells of it on standard error, which tests read; what it asks for instead Node 20 does not have.
const { noDeprecation } = process;
process.noDeprecation = true;
register('./ts-hooks.mjs', import.meta.url);
process.noDeprecation = noDeprecation;
