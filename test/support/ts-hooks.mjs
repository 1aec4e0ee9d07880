/** Module hooks behind ts-loader.mjs: `.js` means `.ts` where only that exists, and SWC takes the types off. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const ROOT = new URL('../../', import.meta.url);

const OWN_NAMES = {
  'nestjs-throttled-udp': new URL('src/index.ts', ROOT).href,
  'nestjs-throttled-udp/testing': new URL('src/testing/index.ts', ROOT).href,
  'nestjs-throttled-udp/throttler': new URL('src/throttler/index.ts', ROOT).href,
};

export async function resolve(specifier, context, nextResolve) {
  if (specifier in OWN_NAMES) return { url: OWN_NAMES[specifier], format: 'module', shortCircuit: true };
  if (specifier.startsWith('.') && context.parentURL?.endsWith('.ts')) {
    const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(url)) return { url: url.href, format: 'module', shortCircuit: true };
  }
  return nextResolve(specifier, context);
}

export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return nextLoad(url, context);
  const filename = fileURLToPath(url);
  const { code } = transformSync(readFileSync(filename, 'utf8'), { filename, root: fileURLToPath(ROOT) });
  return { format: 'module', source: code, shortCircuit: true };
}
