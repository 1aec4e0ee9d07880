/**
 * Lets a test start a TypeScript program as a process of its own, without a build:
 * `node --import ./test/support/ts-loader.mjs program.ts`.
 */
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
