import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

/** What the files of one room may use. */
interface Room {
  /** Other rooms that it imports. */
  readonly rooms: readonly string[];
  /** Packages, by name or by the beginning of it. */
  readonly packages: readonly string[];
  /** Globals that it must not name. */
  readonly without: readonly string[];
}

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate'];
const WORLD = [...TIMERS, 'performance', 'Date', 'process', 'globalThis', 'global', 'require'];
const PURE: Room = { rooms: ['common'], packages: [], without: WORLD };
const BELOW_ENDPOINT = ['common', 'shaping', 'exchange', 'codec', 'telemetry'];

/** Who may import whom: module -> transport -> endpoint -> { pure rooms } -> common. */
const HOUSE: Readonly<Record<string, Room>> = {
  common: { ...PURE, rooms: [] },
  shaping: PURE,
  exchange: PURE,
  codec: PURE,
  telemetry: PURE,
  endpoint: { rooms: BELOW_ENDPOINT, packages: ['node:', 'koffi'], without: [] },
  transport: {
    rooms: [...BELOW_ENDPOINT, 'endpoint'],
    packages: ['@nestjs/common', '@nestjs/microservices', 'rxjs'],
    without: TIMERS,
  },
  module: {
    rooms: ['common', 'transport'],
    packages: ['@nestjs/common', '@nestjs/core', '@nestjs/microservices'],
    without: TIMERS,
  },
  throttler: {
    rooms: ['common', 'shaping', 'transport'],
    packages: ['@nestjs/common', '@nestjs/microservices', '@nestjs/throttler'],
    without: TIMERS,
  },
  testing: { rooms: [...BELOW_ENDPOINT, 'endpoint'], packages: ['node:'], without: [] },
  'index.ts': {
    rooms: [...BELOW_ENDPOINT, 'endpoint', 'transport', 'module'],
    packages: [],
    without: WORLD,
  },
};

const SRC = new URL('../src/', import.meta.url);

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'));

/** What is wrong with a file, as sentences. @param file relative to `src/` */
function faultsOf(file: string, text: string): string[] {
  const name = file.split('/')[0] as string;
  const room = HOUSE[name];
  if (room === undefined) return [`${name} is no room`];
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined && !mayImport(room, name, file, specifier))
      faults.push(`imports ${specifier}`);
    if (ts.isIdentifier(node) && isReference(node) && room.without.includes(node.text)) {
      faults.push(`names ${node.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return faults;
}

/** What stands behind `from`, `import(...)`, in a type too, or `require(...)`. */
function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isExternalModuleReference(node)) return textOf(node.expression);
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : '(unknown)';
  }
  if (!ts.isCallExpression(node)) return undefined;
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isImport ? (textOf(node.arguments[0]) ?? '(unknown)') : undefined;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

function mayImport(room: Room, name: string, file: string, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(file), specifier).split('/')[0] as string;
    return target === name ? target !== 'index.ts' : room.rooms.includes(target);
  }
  const full = builtinModules.includes(specifier) ? `node:${specifier}` : specifier;
  return room.packages.some((allowed) =>
    allowed.endsWith(':') ? full.startsWith(allowed) : full === allowed || full.startsWith(`${allowed}/`),
  );
}

/** Whether an identifier names a variable, and not a property, a parameter or a method that is called so. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  return !('name' in parent && parent.name === node);
}

describe('the house', () => {
  it('has a room for every file', () => {
    expect(FILES.length).toBeGreaterThan(50);
    expect(Object.keys(HOUSE).filter((room) => !FILES.some((file) => file.startsWith(room)))).toEqual([]);
  });

  it.each(FILES)('allows %s what it uses', (file) => {
    expect(faultsOf(file, readFileSync(new URL(file, SRC), 'utf8'))).toEqual([]);
  });

  it.each([
    ['shaping/a.ts', "import { A } from '../../src/transport/a.js';"],
    ['shaping/a.ts', "import { A } from '../index.js';"],
    ['shaping/a.ts', "import { A } from 'nestjs-throttled-udp';"],
    ['shaping/a.ts', "type A = import('../endpoint/a.js').A;"],
    ['shaping/a.ts', "type A = typeof import('node:dgram');"],
    ['shaping/a.ts', "const a = await import('../codec/a.js');"],
    ['shaping/a.ts', "export * from '../exchange/a.js';"],
    ['shaping/deep/a.ts', "import { A } from '../../codec/a.js';"],
    ['codec/a.ts', "import { lookup } from 'dns';"],
    ['codec/a.ts', "import { performance } from 'perf_hooks';"],
    ['exchange/a.ts', "import { performance } from 'node:perf_hooks';"],
    ['exchange/a.ts', 'const a = globalThis.performance.now();'],
    ['telemetry/a.ts', 'const a = { at: Date.now() };'],
    ['telemetry/a.ts', 'const a = { performance };'],
    ['common/a.ts', "import { A } from '../shaping/a.js';"],
    ['common/a.ts', "const a = require('node:dns');"],
    ['endpoint/a.ts', "import { A } from '../../src/transport/a.js';"],
    ['endpoint/a.ts', "import { Logger } from '@nestjs/common';"],
    ['transport/a.ts', "import { createSocket } from 'dgram';"],
    ['transport/a.ts', 'setTimeout(() => undefined, 1);'],
    ['transport/a.ts', "import { A } from '../module/a.js';"],
    ['module/a.ts', "import { A } from '../endpoint/a.js';"],
    ['module/a.ts', "import { A } from '../shaping/a.js';"],
    ['index.ts', "export { A } from './testing/a.js';"],
    ['index.ts', "export { A } from './throttler/a.js';"],
    ['transport/a.ts', "import { A } from '@nestjs/throttler';"],
    ['attic/a.ts', ''],
  ])('refuses %s: %s', (file, text) => {
    expect(faultsOf(file, text)).toHaveLength(1);
  });

  it.each([
    ['shaping/deep/a.ts', "import { A } from '../../common/a.js'; import { B } from '../b.js';"],
    ['endpoint/a.ts', "import { createSocket } from 'dgram'; setTimeout(() => undefined, 1);"],
    ['transport/a.ts', 'class A { setTimeout(ms: number): this { return this.setTimeout(ms); } }'],
    ['module/a.ts', "import { A } from '../transport/a.js'; import { B } from '@nestjs/core';"],
  ])('allows %s: %s', (file, text) => {
    expect(faultsOf(file, text)).toEqual([]);
  });
});
