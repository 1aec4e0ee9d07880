import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import * as linux from '../../../src/endpoint/batch/linux.js';

/** Structures, their fields and the names of those in C. */
const LAYOUTS = {
  MMSGHDR: [
    'struct mmsghdr',
    {
      name: 'msg_hdr.msg_name',
      nameLength: 'msg_hdr.msg_namelen',
      iov: 'msg_hdr.msg_iov',
      iovCount: 'msg_hdr.msg_iovlen',
      control: 'msg_hdr.msg_control',
      controlLength: 'msg_hdr.msg_controllen',
      flags: 'msg_hdr.msg_flags',
      bytes: 'msg_len',
    },
  ],
  IOVEC: ['struct iovec', { base: 'iov_base', length: 'iov_len' }],
  SOCKADDR_IN: ['struct sockaddr_in', { family: 'sin_family', port: 'sin_port', address: 'sin_addr' }],
  SOCKADDR_IN6: [
    'struct sockaddr_in6',
    {
      family: 'sin6_family',
      port: 'sin6_port',
      flowInfo: 'sin6_flowinfo',
      address: 'sin6_addr',
      scopeId: 'sin6_scope_id',
    },
  ],
} as const;

const ENTRIES: readonly [name: string, value: unknown][] = Object.entries(linux);
const NUMBERS = ENTRIES.filter(([, value]) => typeof value === 'number').map(([name]) => name);

it('numbers and layouts are what a C compiler says', () => {
  const lines = [
    ...NUMBERS.map((name) => show(name, name)),
    ...Object.entries(LAYOUTS).map(([name, [type]]) => show(`${name}.size`, `sizeof(${type})`)),
    ...Object.entries(LAYOUTS).flatMap(([name, [type, fields]]) =>
      Object.entries(fields).map(([field, inC]) => show(`${name}.${field}`, `offsetof(${type}, ${inC})`)),
    ),
    show('CMSG.size', 'CMSG_SPACE(sizeof(uint16_t))'),
    show('CMSG.size', 'CMSG_SPACE(sizeof(int))'),
    show('CMSG.lengthWithInt', 'CMSG_LEN(sizeof(int))'),
    show('CMSG.lengthWithUint16', 'CMSG_LEN(sizeof(uint16_t))'),
    show('CMSG.length', 'offsetof(struct cmsghdr, cmsg_len)'),
    show('CMSG.level', 'offsetof(struct cmsghdr, cmsg_level)'),
    show('CMSG.type', 'offsetof(struct cmsghdr, cmsg_type)'),
    show('CMSG.data', 'CMSG_LEN(0)'),
  ];
  const inC = compileAndRun(lines);
  if (inC === undefined) return console.log('no C compiler here: the layouts are not compared');
  const ours = Object.fromEntries(
    Object.keys(inC).map((path) => [path, path.split('.').reduce<unknown>(fieldOf, linux)]),
  );
  // The size of a control message is asked for twice: it is that of either number.
  expect(Object.keys(inC)).toHaveLength(lines.length - 1);
  expect(ours).toEqual(inC);
});

function show(name: string, expression: string): string {
  return `printf("%s %lu\\n", "${name}", (unsigned long)(${expression}));`;
}

function fieldOf(value: unknown, field: string): unknown {
  return (value as Record<string, unknown>)[field];
}

function compileAndRun(statements: readonly string[]): Record<string, number> | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'throttled-udp-layout-'));
  try {
    const headers = ['stddef.h', 'stdint.h', 'stdio.h', 'net/if.h', 'netinet/in.h', 'netinet/udp.h'];
    const includes = [...headers, 'sys/socket.h', 'sys/uio.h'].map((header) => `#include <${header}>`);
    writeFileSync(
      join(folder, 'layout.c'),
      ['#define _GNU_SOURCE', ...includes, 'int main(void) {', ...statements, 'return 0; }'].join('\n'),
    );
    try {
      execFileSync('cc', ['--version'], { stdio: 'ignore' });
    } catch {
      return undefined;
    }
    execFileSync('cc', ['-o', 'layout', 'layout.c'], { cwd: folder });
    const output = execFileSync(join(folder, 'layout'), { encoding: 'utf8' });
    const pairs = output
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]);
    return Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
